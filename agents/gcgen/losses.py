"""The bound and what the S-agent minimises, as pure functions of a batch of trajectories.

The bound on -log p_S(g), for one path tau drawn from q:

    -log p(g | x_H)  +  sum_h log q(a_h | x_h, h, g) - log p_S(a_h | x_h, h)
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from agents.gcgen.rollout import Path


class Bound(NamedTuple):
    """The two terms of the bound for each path, in nats."""

    reconstruction: Tensor
    """-log p(g | x_H), shape (B,)."""
    divergence: Tensor
    """log q - log p_S of the chosen proposals, shape (B, H)."""

    @property
    def nll(self) -> Tensor:
        """Their sum, the one-path bound, shape (B,)."""
        return self.reconstruction + self.divergence.sum(1)


def compute_bound(path: Path) -> Bound:
    """Compute the bound of each path."""
    return Bound(-path.potential[:, -1], path.log_q - path.log_prior)


def s_agent_loss(path: Path, auxiliary: float = 0.0) -> Tensor:
    """Compute imitation plus reconstruction, the M-step of the bound, in nats.

        L_S = E[ sum_h -sum_a q(a|x_h,h,g) log p_S(a|x_h,h)  -  log p(g | x_H) ]
              - w E[ mean_{0<h<H} Phi(x_h, g) ]

    q and the actions are held fixed; gradients flow through the whole chain of canvases. With
    w = 0 that is the M-step; the auxiliary term asks every canvas on the way to resemble the
    goal, too, as Discrete Distribution Networks ask (Yang, 2025).

    Args:
        path: The trajectories.
        auxiliary: w.
    """
    loss = path.cross_entropy.sum(1) - path.potential[:, -1]
    if auxiliary and path.action.shape[1] > 1:
        loss = loss - auxiliary * path.potential[:, 1:-1].mean(1)
    return loss.mean()


def check_finite(loss: Tensor, update: int) -> Tensor:
    """Return a loss, or raise a ValueError before it harms the weights."""
    if not loss.isfinite():
        raise ValueError(
            f"training diverged at update {update}: lower learning_rate; the last checkpoint is "
            "unharmed"
        )
    return loss
