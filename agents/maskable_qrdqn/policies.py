"""Quantile networks that mask invalid actions."""

from __future__ import annotations

from typing import Any

from sb3_contrib.qrdqn.policies import MultiInputPolicy, QuantileNetwork
from torch import Tensor

from agents.common.masking import mask_values
from agents.common.saved_policy import SavedPolicyMixin
from agents.common.value_policy import ProposalValuePolicyMixin, ProposalValues


class MaskableQuantileNetwork(QuantileNetwork):
    """SB3's perceptron, masked."""

    def forward(self, obs: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Return quantiles, shape (B, quantiles, A)."""
        return mask_values(super().forward(obs), obs)  # their mean over quantiles is masked, too


class MaskableQRDQNPolicy(SavedPolicyMixin, MultiInputPolicy):
    """Flattens the observation; the network must learn the meaning of each index."""

    def make_quantile_net(self) -> QuantileNetwork:
        """Make a masked network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MaskableQuantileNetwork(**arguments)  # online and target network


class ProposalQuantileNetwork(QuantileNetwork):
    """Scores the observed proposals; see `ProposalValues`."""

    def __init__(self, *args: Any, width: int, **kwargs: Any) -> None:
        """Replace SB3's perceptron by `ProposalValues`."""
        super().__init__(*args, **{**kwargs, "net_arch": []})  # the next line replaces its layers
        self.quantile_net = ProposalValues(self.features_extractor, width, self.n_quantiles)  # type: ignore[assignment,arg-type]

    def forward(self, obs: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Return quantiles, shape (B, quantiles, A), in nats."""
        return mask_values(super().forward(obs), obs)


class ProposalQRDQNPolicy(ProposalValuePolicyMixin, MultiInputPolicy):
    """Scores the observed proposals: no weight belongs to an index."""

    def make_quantile_net(self) -> QuantileNetwork:
        """Make a masked network that scores proposals."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return ProposalQuantileNetwork(**arguments, width=self.width)
