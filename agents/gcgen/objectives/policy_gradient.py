"""KL-regularised policy gradient: the reference that asks for nothing but sampled returns."""

from __future__ import annotations

from torch import Tensor

from agents.gcgen.objectives.base import Objective, compute_returns
from agents.gcgen.rollout import Path


class PolicyGradient(Objective):
    """REINFORCE with a learned baseline (Williams, 1992), the divergence in the return.

        L = E[ -sum_h (G_h - V_h) log q(a_h | x_h, h, g) ] + E[ mean_h (V_h - G_h)^2 ] / D

    The advantages are divided by their standard deviation over the batch.
    """

    def loss(self, path: Path) -> Tensor:
        """Return the score-function loss and the error of the value."""
        returns = compute_returns(path) / self.unit
        advantages = returns - self.agent.values().detach()
        if advantages.numel() > 1:  # one number has no spread
            advantages = advantages / (advantages.std() + 1e-8)
        return -(advantages * path.log_q).sum(1).mean() + self.value_loss(path)
