"""Quantile networks whose values of invalid actions no maximum finds."""

from __future__ import annotations

from typing import Any

from sb3_contrib.qrdqn.policies import MultiInputPolicy, QuantileNetwork
from torch import Tensor

from agents.common.masking import ProposalValuePolicyMixin, ProposalValues, mask_values


class MaskableQuantileNetwork(QuantileNetwork):
    """SB3's perceptron, masked."""

    def forward(self, obs: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Return quantiles, shape (B, quantiles, A)."""
        return mask_values(super().forward(obs), obs)


class MaskableQRDQNPolicy(MultiInputPolicy):
    """Flattens the observation; the meaning of an index is the network's to find out."""

    def make_quantile_net(self) -> QuantileNetwork:
        """Make a masked network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MaskableQuantileNetwork(**arguments).to(self.device)


class ProposalQuantileNetwork(QuantileNetwork):
    """Scores the proposals shown; see `ProposalValues`."""

    def __init__(self, *args: Any, width: int = 128, **kwargs: Any) -> None:
        """Put `ProposalValues` in the place of SB3's perceptron."""
        super().__init__(*args, **{**kwargs, "net_arch": []})
        self.quantile_net = ProposalValues(self.features_extractor, width, self.n_quantiles)  # type: ignore[assignment,arg-type]

    def forward(self, obs: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Return quantiles, shape (B, quantiles, A), in nats."""
        return mask_values(super().forward(obs), obs)


class ProposalQRDQNPolicy(ProposalValuePolicyMixin, MultiInputPolicy):
    """Scores the proposals it is shown: no weight belongs to an index."""

    def make_quantile_net(self) -> QuantileNetwork:
        """Make a network that scores."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return ProposalQuantileNetwork(**arguments, width=self.width).to(self.device)
