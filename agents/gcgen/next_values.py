"""A learned number for each next image, in nats, zero after the last decision."""

from __future__ import annotations

from torch import Tensor, nn

from agents.common.decision import Decision
from agents.common.state_features import measure_gap
from agents.common.state_values import StateValues
from gcgen_env.model.likelihoods import Likelihood


class NextValues(nn.Module):
    """V(m(x'_a), h + 1, g), such as what later decisions will gain; a fresh one returns 0."""

    def __init__(self, likelihood: Likelihood, values: int, width: int, horizon: int) -> None:
        """Make the network.

        Args:
            likelihood: Measures the gap to the goal, of which V is a learned share.
            values: D, the number of values of one image.
            width: Hidden units.
            horizon: H.
        """
        super().__init__()
        self.likelihood = likelihood
        self.horizon = horizon
        self.network = StateValues(values, width)

    def forward(self, decision: Decision) -> Tensor:
        """Return V(m(x'_a), h + 1, g) of all next images, shape (B, A), in nats."""
        gap = measure_gap(self.likelihood, decision.image, decision.goal) - decision.gain  # (B, A)
        following = decision.progress + 1 / self.horizon  # (h + 1) / H, (B, 1)
        goes_on = following < 1 - 0.5 / self.horizon  # (B, 1); h / H is rounded
        return goes_on * self.network.of_next(decision, gap, following)

    def evaluate(self, decision: Decision) -> Tensor:
        """Return V(m(x), h, g) of the images before decisions, shape (B,), in nats."""
        image, goal = decision.image, decision.goal
        gap = measure_gap(self.likelihood, image, goal)  # (B, 1)
        return self.network(image.unsqueeze(1), gap, goal, decision.progress).squeeze(1)
