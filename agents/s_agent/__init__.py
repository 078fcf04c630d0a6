"""The S-agent: the generative model."""

from agents.s_agent.policies import SPolicy
from agents.s_agent.s_agent import SAgent

__all__ = ["SAgent", "SPolicy"]
