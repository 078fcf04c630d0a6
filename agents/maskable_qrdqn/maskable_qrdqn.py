"""`MaskableQRDQN`: sb3-contrib's QR-DQN, with masks read from the observation."""

from __future__ import annotations

from typing import ClassVar

from sb3_contrib import QRDQN
from stable_baselines3.common.policies import BasePolicy

from agents.common.masking import MaskedExplorationMixin
from agents.common.saved_algorithm import SavedAlgorithmMixin
from agents.maskable_qrdqn.policies import MaskableQRDQNPolicy, ProposalQRDQNPolicy


class MaskableQRDQN(MaskedExplorationMixin, SavedAlgorithmMixin, QRDQN):  # type: ignore[misc]
    """Quantile regression Q-learning (Dabney et al., 2018) over the valid actions of each state.

    Masked like `MaskableDQN`, with the same two policies. Arguments are those of sb3-contrib's
    `QRDQN`.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MultiInputPolicy": MaskableQRDQNPolicy,
        "ProposalPolicy": ProposalQRDQNPolicy,
    }
