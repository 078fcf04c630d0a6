"""Value-based policies that score the observed proposals, for SB3's own classes."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from torch import Tensor, nn

from agents.common.proposal_policy import ProposalFeaturesExtractor, find_likelihood
from agents.common.saved_policy import SavedPolicyMixin
from agents.common.scorer import ProposalScorer, score_proposals
from agents.common.selection_config import WIDTH
from gcgen_env.model.likelihoods import Likelihood


class ProposalValues(nn.Module):
    """Values of proposals, with weights that belong to no index.

        Q_a(x, h, g) = V(x, h, g) + f_h [Phi(x'_a, g) - Phi(x, g)] + s_a(x, h, g)

    with s_a = <k(x, h, g), m(x'_a) - m(x)> / sqrt(D). A fresh network has V = 0, k = 0, f = 1:
    the value of a task that ends after this step.
    """

    def __init__(self, extractor: ProposalFeaturesExtractor, width: int, outputs: int) -> None:
        """Make the layers.

        Args:
            extractor: Packs the observations.
            width: Hidden units.
            outputs: Values of V: 1, or the number of quantiles.
        """
        super().__init__()
        self._unpack = extractor.unpack  # a method, so that the module is not registered twice
        self.scorer = ProposalScorer(extractor.values, width=width)
        self.scorer.reset_direction()  # k = 0
        self.state_value = nn.Linear(width, outputs)
        nn.init.zeros_(self.state_value.weight)  # V = 0
        nn.init.zeros_(self.state_value.bias)
        self.unit = extractor.values**0.5  # nats in one unit of V

    def forward(self, features: Tensor) -> Tensor:
        """Return values, shape (B, outputs, A), of packed observations (B, features)."""
        decision, scorer = self._unpack(features), self.scorer
        latent = scorer.embed(decision.image, decision.goal, decision.progress)  # (B, width)
        advantage = scorer.temperature_factor(decision.progress) * decision.gain  # (B, A), nats
        advantage = advantage + score_proposals(
            scorer.point(latent), decision.proposals, decision.image
        )
        return self.unit * self.state_value(latent).unsqueeze(2) + advantage.unsqueeze(1)


class ProposalValuePolicyMixin(SavedPolicyMixin):
    """Makes a value-based policy score proposals; put it before SB3's policy in the bases."""

    def __init__(
        self,
        observation_space: spaces.Dict,
        *args: Any,
        width: int = WIDTH,
        likelihood: Likelihood | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the policy.

        Args:
            observation_space: Of an environment with `obs_mode="pixels"`.
            *args: Action space and learning rate, as SB3 passes them.
            width: Hidden units.
            likelihood: Measures the look-ahead; None reads it from the observation space.
            **kwargs: Keywords of SB3's policy.

        Raises:
            ValueError: If the observations show no proposals.
        """
        self.width = width
        likelihood = likelihood or find_likelihood(observation_space)
        kwargs["features_extractor_class"] = ProposalFeaturesExtractor  # one for each network
        kwargs["features_extractor_kwargs"] = {"likelihood": likelihood}
        super().__init__(observation_space, *args, **kwargs)  # type: ignore[call-arg]

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """Return what `load` passes to the constructor."""
        data = super()._get_constructor_parameters()  # type: ignore[misc]
        data.pop("features_extractor_class")  # `__init__` sets it itself
        likelihood = data.pop("features_extractor_kwargs")["likelihood"]
        return {**data, "width": self.width, "likelihood": likelihood}
