"""The S-agent as a Stable-Baselines3 policy."""

from agents.s_agent.policies import SPolicy

__all__ = ["SPolicy"]
