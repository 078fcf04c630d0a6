"""DQN that never selects, explores or bootstraps from an invalid action."""

from agents.maskable_dqn.maskable_dqn import MaskableDQN
from agents.maskable_dqn.policies import MaskableDQNPolicy, ProposalDQNPolicy

__all__ = ["MaskableDQN", "MaskableDQNPolicy", "ProposalDQNPolicy"]
