"""QR-DQN that never selects, explores or bootstraps from an invalid action."""

from agents.maskable_qrdqn.maskable_qrdqn import MaskableQRDQN
from agents.maskable_qrdqn.policies import MaskableQRDQNPolicy, ProposalQRDQNPolicy

__all__ = ["MaskableQRDQN", "MaskableQRDQNPolicy", "ProposalQRDQNPolicy"]
