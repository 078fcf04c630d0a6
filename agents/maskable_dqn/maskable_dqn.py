"""`MaskableDQN`: SB3's DQN, with masks read from the observation."""

from __future__ import annotations

from typing import ClassVar

from stable_baselines3 import DQN
from stable_baselines3.common.policies import BasePolicy

from agents.common.masking import MaskedExplorationMixin
from agents.common.saved_algorithm import SavedAlgorithmMixin
from agents.maskable_dqn.policies import MaskableDQNPolicy, ProposalDQNPolicy


class MaskableDQN(MaskedExplorationMixin, SavedAlgorithmMixin, DQN):  # type: ignore[misc]
    """Deep Q-learning (Mnih et al., 2015) over the valid actions of each state.

    Invalid actions are masked in the online and the target network, in the maximum over next
    actions, and while exploring. Policies: "MultiInputPolicy" flattens the observation,
    "ProposalPolicy" scores the observed proposals. Arguments are those of SB3's `DQN`.

        >>> from agents import MaskableDQN
        >>> env = gym.make("GCGen-Digits-v0", nucleus=0.9)  # doctest: +SKIP
        >>> MaskableDQN("ProposalPolicy", env, buffer_size=20_000).learn(10_000)  # doctest: +SKIP
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MultiInputPolicy": MaskableDQNPolicy,
        "ProposalPolicy": ProposalDQNPolicy,
    }
