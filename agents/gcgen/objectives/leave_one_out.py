"""Leave-one-out policy gradient: the other paths of a goal are the baseline."""

from __future__ import annotations

from torch import Tensor

from agents.gcgen.objectives.base import Objective, compute_returns
from agents.gcgen.rollout import Trajectories

WEIGHT = 0.05
"""w, in 1 / nats."""


class LeaveOneOut(Objective):
    """REINFORCE with K paths of each goal (VIMCO: Mnih and Rezende, 2016; Kool et al., 2019).

        A_h^k = G_h^k - mean_{j != k} G_h^j
        L     = E[ -w sum_h A_h^k log q(a_h^k | x_h^k, h, g) ] + E[ mean_h (V_h - G_h)^2 ] / D

    Returns differ by tens of nats between goals and by a few between paths of one goal: the mean
    over the other paths is a better baseline than a value that must tell goals apart. Advantages
    stay in nats, so that the gradient vanishes with them. With one path the value is the baseline.
    """

    paths = 8  # K, where it divides the batch
    is_mean = True

    def loss(self, trajectories: Trajectories) -> Tensor:
        """Return the score-function loss and the error of the value."""
        returns = compute_returns(trajectories)  # (B, H), in nats
        if self.num_paths > 1:
            groups = returns.unflatten(0, (-1, self.num_paths))  # (B / K, K, H)
            others = (groups.sum(1, keepdim=True) - groups) / (self.num_paths - 1)
            baseline = others.flatten(0, 1)  # (B, H)
        else:
            baseline = self.unit * self.values().detach()  # (B, H), in nats
        policy = -((returns - baseline) * trajectories.log_q).sum(1).mean()
        return WEIGHT * policy + self.value_loss(trajectories)
