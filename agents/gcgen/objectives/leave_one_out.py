"""Leave-one-out policy gradient: the other paths of a goal say what was to be expected."""

from __future__ import annotations

from torch import Tensor

from agents.gcgen.objectives.base import Objective, compute_returns
from agents.gcgen.rollout import Path

WEIGHT = 0.05
"""w, in 1 / nats."""


class LeaveOneOut(Objective):
    """REINFORCE with K paths of each goal (VIMCO: Mnih and Rezende, 2016; Kool et al., 2019).

        A_h^k = G_h^k - mean_{j != k} G_h^j
        L     = E[ -w sum_h A_h^k log q(a_h^k | x_h^k, h, g) ] + E[ mean_h (V_h - G_h)^2 ] / D

    Goals differ by tens of nats, paths of one goal by a few: the mean over the others is a
    better baseline than a value that has to tell goals apart. Advantages stay in nats, so
    that the gradient vanishes with them. With a single path the value is the baseline.
    """

    paths = 8

    def loss(self, path: Path) -> Tensor:
        """Return the score-function loss and the error of the value."""
        returns = compute_returns(path)
        if self.num_paths > 1:
            groups = returns.unflatten(0, (-1, self.num_paths))  # (B / K, K, H)
            others = (groups.sum(1, keepdim=True) - groups) / (self.num_paths - 1)
            baseline = others.flatten(0, 1)
        else:
            baseline = self.unit * self.agent.values().detach()
        policy = -((returns - baseline) * path.log_q).sum(1).mean()
        return WEIGHT * policy + self.value_loss(path)
