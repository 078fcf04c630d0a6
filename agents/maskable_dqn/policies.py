"""Q-networks that mask invalid actions."""

from __future__ import annotations

from typing import Any

from stable_baselines3.dqn.policies import MultiInputPolicy, QNetwork
from torch import Tensor

from agents.common.masking import mask_values
from agents.common.saved_policy import SavedPolicyMixin
from agents.common.value_policy import ProposalValuePolicyMixin, ProposalValues


class MaskableQNetwork(QNetwork):
    """SB3's perceptron, masked."""

    def forward(self, obs: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Return Q, shape (B, A)."""
        return mask_values(super().forward(obs), obs)


class MaskableDQNPolicy(SavedPolicyMixin, MultiInputPolicy):
    """Flattens the observation; the network must learn the meaning of each index."""

    def make_q_net(self) -> QNetwork:
        """Make a masked network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MaskableQNetwork(**arguments)  # called for online and target network


class ProposalQNetwork(QNetwork):
    """Scores the observed proposals; see `ProposalValues`."""

    def __init__(self, *args: Any, width: int, **kwargs: Any) -> None:
        """Replace SB3's perceptron by `ProposalValues`."""
        super().__init__(*args, **{**kwargs, "net_arch": []})  # the next line replaces its layers
        self.q_net = ProposalValues(self.features_extractor, width, outputs=1)  # type: ignore[assignment,arg-type]

    def forward(self, obs: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Return Q, shape (B, A), in nats."""
        return mask_values(super().forward(obs).squeeze(1), obs)  # (B, 1, A) to (B, A)


class ProposalDQNPolicy(ProposalValuePolicyMixin, MultiInputPolicy):
    """Scores the observed proposals: no weight belongs to an index."""

    def make_q_net(self) -> QNetwork:
        """Make a masked network that scores proposals."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return ProposalQNetwork(**arguments, width=self.width)
