"""What the S-agent minimises, as a function of its chain and of a batch of trajectories."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.gcgen.rollout import Trajectories
from gcgen_env.model.chain import Chain
from gcgen_env.model.sampling import TrainingDiverged


def s_agent_loss(
    chain: Chain, trajectories: Trajectories, goal: Tensor, auxiliary: float = 0.0
) -> Tensor:
    """Compute imitation plus reconstruction, the M-step of the bound, in nats.

        x_h = x_0 + sum_{t<h} alpha_t y_t[a_t]
        L_S = E[ sum_h -sum_a q(a|x_h,h,g) log p_S(a|x_h,h)  -  log p(g | x_H) ]
              - w E[ mean_{0<h<H} Phi(x_h, g) ]

    q, the actions and the states that the network reads are held fixed: one pass over all H B
    states gives every y_t and log p_S, and no gradient flows from a state to the choices before
    it. With w = 0 this is the M-step. The auxiliary term also reconstructs the goal at every
    intermediate step, as Discrete Distribution Networks do (Yang, 2025).

    Args:
        chain: The chain of the S-agent that is trained.
        trajectories: B trajectories.
        goal: Their goals g, shape (B, *S).
        auxiliary: w; it changes nothing if the proposals are fixed.
    """
    num, horizon = trajectories.action.shape  # B, H
    step = torch.arange(horizon, device=goal.device).repeat(num)  # (B H,)
    proposals = chain.propose(trajectories.canvas[:, :-1].flatten(0, 1), step)
    log_prior = proposals.log_prior.unflatten(0, (num, horizon))  # (B, H, A)
    terms = torch.where(trajectories.q > 0, trajectories.q * log_prior, 0.0)  # 0 * -inf is NaN
    imitation = -terms.sum((1, 2))  # (B,)
    if proposals.is_fixed:  # the reconstruction has no gradient, and the roll-out knows it
        return (imitation - trajectories.potential[:, -1]).mean()
    delta = proposals.chosen(trajectories.action.flatten())  # y_h[a_h], (B H, *S)
    canvas = chain.dynamics.accumulate(delta.unflatten(0, (num, horizon)))  # x_1 to x_H
    last = chain.likelihood.log_prob(canvas[:, -1], goal)  # (B,)
    loss = imitation - last  # (B,), the M-step
    if auxiliary and horizon > 1:  # H = 1 has no intermediate step
        between = chain.likelihood.log_prob(canvas[:, :-1], goal.unsqueeze(1))  # (B, H - 1)
        loss = loss - auxiliary * between.mean(1)
    return loss.mean()


def check_finite(loss: Tensor, update: int) -> Tensor:
    """Return a finite loss.

    Raises:
        TrainingDiverged: If it is not finite, before the weights change.
    """
    if not loss.isfinite():
        raise TrainingDiverged(
            f"training diverged at update {update}: lower learning_rate; the last checkpoint is "
            "not affected"
        )
    return loss
