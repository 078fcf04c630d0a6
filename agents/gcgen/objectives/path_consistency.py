"""Soft path consistency: at the optimum, every path agrees with the value it starts from."""

from __future__ import annotations

from torch import Tensor

from agents.gcgen.objectives.base import Objective
from agents.gcgen.rollout import Trajectories


class PathConsistency(Objective):
    """Path consistency learning (Nachum et al., 2017) of every suffix of a trajectory.

        delta_h = V(x_h) - [Phi(x_H) - Phi(x_h)] + sum_{t >= h} [log q(a_t) - log p_S(a_t)]
        L       = E[ 1/2 sum_h delta_h^2 ] / D

    delta = 0 for all paths holds at the soft optimum and nowhere else. On a tree of codes, with
    V(x_0) for log Z, delta_0 is trajectory balance (Malkin et al., 2022).
    """

    is_mean = True

    def loss(self, trajectories: Trajectories) -> Tensor:
        """Return the squared inconsistency, in squared units of the value."""
        cost_to_go = (  # (B, H), sums over t >= h, with gradient in log q
            (trajectories.log_q - trajectories.log_prior.detach()).flip(1).cumsum(1).flip(1)
        )
        potential = trajectories.potential.detach()  # (B, H + 1), in nats
        gained = potential[:, -1:] - potential[:, :-1]  # Phi(x_H) - Phi(x_h), (B, H)
        inconsistency = self.values() + (cost_to_go - gained) / self.unit  # delta / sqrt(D)
        return 0.5 * inconsistency.square().sum(1).mean()
