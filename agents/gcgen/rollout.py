"""Trajectories of the two agents, without an environment: the same for training and decoding.

The proposals are scored without gradient, in whatever precision; the chosen one, the state,
log p_S and the likelihood are computed in float32 by the functions that decoding uses, with
gradient if it is enabled. Actions are sampled from, and log q is recorded of, the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gcgen_env.model.chain import Chain, Offer


class Decision(NamedTuple):
    """All that is known when B choices are made."""

    canvas: Tensor
    """x, shape (B, *S)."""
    goal: Tensor
    """g, shape (B, *S)."""
    step: Tensor
    """h, shape (B,), int64."""
    log_prior: Tensor
    """log p_S after pruning, shape (B, A), without gradient."""
    gain: Tensor
    """Phi(x'_a, g) - Phi(x, g), shape (B, A), in nats."""
    proposals: Tensor
    """m(x'_a), shape (B, A, P), at the values that proposals can change."""
    image: Tensor
    """m(x), shape (B, P), at the same values."""
    compress: Callable[[Tensor], Tensor]
    """Picks the values that proposals can change, (..., *S) to (..., P)."""


class Selector(Protocol):
    """A GC-agent: anything that gives log q for a decision."""

    def __call__(self, decision: Decision) -> Tensor:
        """Return normalised log q(a | x, h, g), shape (B, A), in nats."""
        ...


class Path(NamedTuple):
    """B trajectories of H steps, one row each."""

    action: Tensor
    """a_h, the code, shape (B, H), int64."""
    log_q: Tensor
    """log q of the actions, shape (B, H)."""
    log_prior: Tensor
    """log p_S of the actions, shape (B, H)."""
    cross_entropy: Tensor
    """-sum_a q(a) log p_S(a), shape (B, H)."""
    potential: Tensor
    """Phi(x_h, g) for h = 0..H, shape (B, H + 1), in nats; the last one is log p(g | x_H)."""
    canvas: Tensor
    """x_H, shape (B, *S)."""


def rollout(
    chain: Chain,
    selector: Selector,
    goal: Tensor,
    choose: Callable[[Tensor], Tensor],
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Let the S-agent propose and the GC-agent select, H times.

    Args:
        chain: Start, proposals and likelihood.
        selector: The GC-agent.
        goal: g, shape (B, *S).
        choose: Maps log q (B, A) to actions (B,): a sampler, or argmax.
        dtype: Precision in which proposals are scored.

    Returns:
        The trajectories; gradients flow through the chain if they are enabled.
    """
    canvas = chain.dynamics.start(len(goal))
    potential = [chain.likelihood.log_prob(canvas, goal)]
    steps = []
    with chain.keep_cast(dtype):
        for h in range(chain.horizon):
            step = torch.full((len(goal),), h, device=goal.device)
            offer = chain.offer(canvas, step)
            with torch.no_grad():
                decision = decide(chain, offer, canvas, goal, step, dtype)
            log_q = selector(decision)
            action = choose(log_q.detach())
            delta = offer.rows(action)
            canvas = chain.dynamics.advance(canvas, delta, step)
            potential.append(chain.likelihood.log_prob(canvas, goal))
            q = log_q.detach().exp()
            terms = torch.where(q > 0, q * offer.log_prior, 0.0)
            steps.append(
                (action, _pick(log_q, action), _pick(offer.log_prior, action), -terms.sum(-1))
            )
    action, log_q, log_prior, cross_entropy = (
        torch.stack(column, dim=1) for column in zip(*steps, strict=True)
    )
    return Path(action, log_q, log_prior, cross_entropy, torch.stack(potential, dim=1), canvas)


def decide(
    chain: Chain,
    offer: Offer,
    canvas: Tensor,
    goal: Tensor,
    step: Tensor,
    dtype: torch.dtype = torch.float32,
) -> Decision:
    """Compute what the GC-agent sees: all next states, their images and their gains.

    Args:
        chain: Dynamics and likelihood.
        offer: The chain's offer in these states.
        canvas: x, shape (B, *S).
        goal: g, shape (B, *S).
        step: h, shape (B,).
        dtype: Precision in which the proposals are computed.
    """
    likelihood = chain.likelihood
    x, g = offer.x.detach(), chain.compress(goal)  # (B, P)
    y = offer.all(dtype)  # (B, A, P)
    reached = chain.dynamics.advance(x.unsqueeze(1), y, step, out=y)
    before = likelihood.log_prob_terms(x, g).sum(-1, keepdim=True)
    proposals, after = likelihood.measure_(reached, g)
    return Decision(
        canvas,
        goal,
        step,
        offer.log_prior.detach(),
        after - before,
        proposals,
        likelihood.mean(x),
        chain.compress,
    )


def _pick(table: Tensor, action: Tensor) -> Tensor:
    """Return table[b, action[b]], shape (B,)."""
    return table.gather(-1, action.unsqueeze(-1)).squeeze(-1)
