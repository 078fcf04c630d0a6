"""Q-networks whose values of invalid actions no maximum finds."""

from __future__ import annotations

from typing import Any

from stable_baselines3.dqn.policies import MultiInputPolicy, QNetwork
from torch import Tensor

from agents.common.masking import ProposalValuePolicyMixin, ProposalValues, mask_values


class MaskableQNetwork(QNetwork):
    """SB3's perceptron, masked."""

    def forward(self, obs: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Return Q, shape (B, A)."""
        return mask_values(super().forward(obs), obs)


class MaskableDQNPolicy(MultiInputPolicy):
    """Flattens the observation; the meaning of an index is the network's to find out."""

    def make_q_net(self) -> QNetwork:
        """Make a masked network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MaskableQNetwork(**arguments).to(self.device)


class ProposalQNetwork(QNetwork):
    """Scores the proposals shown; see `ProposalValues`."""

    def __init__(self, *args: Any, width: int = 128, **kwargs: Any) -> None:
        """Put `ProposalValues` in the place of SB3's perceptron."""
        super().__init__(*args, **{**kwargs, "net_arch": []})
        self.q_net = ProposalValues(self.features_extractor, width, outputs=1)  # type: ignore[assignment,arg-type]

    def forward(self, obs: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Return Q, shape (B, A), in nats."""
        return mask_values(super().forward(obs).squeeze(1), obs)


class ProposalDQNPolicy(ProposalValuePolicyMixin, MultiInputPolicy):
    """Scores the proposals it is shown: no weight belongs to an index."""

    def make_q_net(self) -> QNetwork:
        """Make a network that scores."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return ProposalQNetwork(**arguments, width=self.width).to(self.device)
