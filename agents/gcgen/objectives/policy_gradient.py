"""KL-regularised policy gradient: the reference that needs sampled returns only."""

from __future__ import annotations

from torch import Tensor

from agents.gcgen.objectives.base import Objective, compute_returns
from agents.gcgen.rollout import Trajectories


class PolicyGradient(Objective):
    """REINFORCE with a learned baseline (Williams, 1992), the divergence in the return.

        L = E[ -sum_h (G_h - V_h) log q(a_h | x_h, h, g) ] + E[ mean_h (V_h - G_h)^2 ] / D

    The advantages are divided by their standard deviation over the batch.
    """

    def loss(self, trajectories: Trajectories) -> Tensor:
        """Return the score-function loss and the error of the value."""
        returns = compute_returns(trajectories) / self.unit  # (B, H), in the unit of V
        advantages = returns - self.values().detach()  # the first term must not train V
        if advantages.numel() > 1:  # one number has no spread
            advantages = advantages / (advantages.std() + 1e-8)  # 1e-8 as in SB3's PPO
        return -(advantages * trajectories.log_q).sum(1).mean() + self.value_loss(trajectories)
