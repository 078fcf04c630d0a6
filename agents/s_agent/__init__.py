"""The S-agent: the generative model."""

from agents.s_agent.policies import SPolicy
from agents.s_agent.s_agent import SAgent, make_s_agent

__all__ = ["SAgent", "SPolicy", "make_s_agent"]
