"""Trajectories of the two agents, without an environment: the same for training and decoding.

Proposals are scored without gradient, in any precision. The chosen proposal, the state, log p_S
and the likelihood are computed in float32 by the functions that decoding uses, with gradient if
it is enabled. Actions are sampled from, and log q is recorded of, the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from agents.common.decision import Decision, State, decide
from gcgen_env.model.chain import Chain


class GCAgent(Protocol):
    """A function from states and decisions to log q, such as a `Selection` or a search."""

    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Return normalised log q(a | x, h, g), shape (B, A), in nats."""
        ...


class Trajectories(NamedTuple):
    """B trajectories of H steps."""

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


class StepRecord(NamedTuple):
    """One decision of a roll-out, as `on_step` receives it."""

    step: int
    """h."""
    action: Tensor
    """a_h, shape (B,), int64."""
    potential: Tensor
    """Phi(x_h, g), shape (B,), in nats."""
    potential_next: Tensor
    """Phi(x_{h+1}, g), shape (B,), in nats."""


def rollout(
    chain: Chain,
    agent: GCAgent,
    goal: Tensor,
    choose: Callable[[Tensor], Tensor],
    dtype: torch.dtype = torch.float32,
    on_step: Callable[[StepRecord], None] | None = None,
) -> Trajectories:
    """Let the S-agent propose and the GC-agent select, H times.

    Args:
        chain: Initial state, proposals and likelihood.
        agent: The GC-agent.
        goal: g, shape (B, *S).
        choose: Maps log q (B, A) to actions (B,): a sampler, or argmax.
        dtype: Precision in which proposals are scored.
        on_step: Called after each decision; an exception that it raises ends the roll-out.

    Returns:
        The trajectories; gradients flow through the chain if they are enabled.
    """
    canvas = chain.dynamics.start(len(goal))  # x_0, (B, *S)
    potential = [chain.likelihood.log_prob(canvas, goal)]  # Phi(x_0, g), (B,)
    steps = []
    with chain.cast_once(dtype):  # weights do not change during a roll-out
        for h in range(chain.horizon):
            step = torch.full((len(goal),), h, device=goal.device)  # (B,)
            state = State(canvas, goal, step)
            proposals = chain.propose(canvas, step)
            decision = decide(chain, proposals, state, dtype)
            log_q = agent(state, decision)  # (B, A)
            action = choose(log_q.detach())  # (B,)
            canvas = chain.dynamics.advance(canvas, proposals.chosen(action), step)  # x_{h+1}
            potential.append(chain.likelihood.log_prob(canvas, goal))
            log_prior, q = proposals.log_prior, log_q.detach().exp()  # (B, A); q is held fixed
            terms = torch.where(q > 0, q * log_prior, 0.0)  # 0 * -inf would be NaN
            steps.append((action, _pick(log_q, action), _pick(log_prior, action), -terms.sum(-1)))
            if on_step is not None:
                on_step(StepRecord(h, action, *(p.detach() for p in potential[-2:])))
    action, log_q, log_prior, cross_entropy = (  # each (B, H)
        torch.stack(column, dim=1) for column in zip(*steps, strict=True)
    )
    potentials = torch.stack(potential, dim=1)  # (B, H + 1)
    return Trajectories(action, log_q, log_prior, cross_entropy, potentials, canvas)


def _pick(table: Tensor, action: Tensor) -> Tensor:
    """Return table[b, action[b]], shape (B,)."""
    return table.gather(-1, action.unsqueeze(-1)).squeeze(-1)
