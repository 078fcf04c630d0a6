"""What the two agents minimise, as pure functions of a batch of trajectories.

The bound on -log p_S(g), for one path tau drawn from q:

    -log p(g | x_H)  +  sum_h log q(a_h | x_h, h, g) - log p_S(a_h | x_h, h)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
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


def s_agent_loss(path: Path) -> Tensor:
    """Compute imitation plus reconstruction, the M-step of the bound, in nats.

        L_S = E[ sum_h -sum_a q(a|x_h,h,g) log p_S(a|x_h,h)  -  log p(g | x_H) ]

    q and the actions are held fixed; gradients flow through the whole chain of canvases.
    """
    return (path.cross_entropy.sum(1) - path.potential[:, -1]).mean()


class GCAgentLoss(NamedTuple):
    """What the GC-agent's learned score and value minimise."""

    policy: Tensor
    """Score-function loss, a scalar."""
    value: Tensor
    """Mean squared error of the value, a scalar."""


def gc_agent_loss(path: Path, values: Tensor, unit: float) -> GCAgentLoss:
    """Compute the loss of KL-regularised policy gradient with a learned baseline.

    The return from step h is what the bound still has to give: with r the shaping reward,

        G_h = sum_{t >= h} r_t - [log q(a_t) - log p_S(a_t)]
            = Phi(x_H) - Phi(x_h) - sum_{t >= h} [log q(a_t) - log p_S(a_t)]
        L   = E[ -sum_h (G_h - V_h) log q(a_h | x_h, h, g) ]          (Williams, 1992)

    Args:
        path: Trajectories sampled from q, `log_q` with gradient.
        values: V_h / unit, shape (B, H), with gradient.
        unit: Nats for each unit of the value.
    """
    cost = (path.log_q - path.log_prior).detach()
    cost_to_go = cost.flip(1).cumsum(1).flip(1)
    potential = path.potential.detach()
    returns = (potential[:, -1:] - potential[:, :-1] - cost_to_go) / unit  # (B, H)
    advantages = returns - values.detach()
    if advantages.numel() > 1:  # one number has no spread
        advantages = advantages / (advantages.std() + 1e-8)
    policy = -(advantages * path.log_q).sum(1).mean()
    return GCAgentLoss(policy, torch.nn.functional.mse_loss(values, returns))
