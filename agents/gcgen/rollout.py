"""Trajectories of the two agents, without an environment: the same for training and decoding.

Proposals are scored in any precision, and on any part of the values. The chosen proposal, the
state, log p_S and the likelihood are computed in float32, on all values, by the functions that
decoding uses. Actions are sampled from, and log q is recorded of, the same numbers. Nothing here
has a gradient but the q of a GC-agent that learns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from agents.common.decision import Decision, State, decide
from gcgen_env.model.chain import Chain
from gcgen_env.model.sampling import find_probabilities


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
    """log q of the actions, shape (B, H), with the gradient of the GC-agent if it has one."""
    log_prior: Tensor
    """log p_S of the actions, shape (B, H)."""
    q: Tensor
    """q of all proposals, shape (B, H, A), without gradient."""
    potential: Tensor
    """Phi(x_h, g) for h = 0..H, shape (B, H + 1), in nats; the last one is log p(g | x_H)."""
    canvas: Tensor
    """x_h for h = 0..H, shape (B, H + 1, *S)."""


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
    part: Tensor | None = None,
    on_step: Callable[[StepRecord], None] | None = None,
) -> Trajectories:
    """Let the S-agent propose and the GC-agent select, H times.

    Args:
        chain: Initial state, proposals and likelihood.
        agent: The GC-agent.
        goal: g, shape (B, *S).
        choose: Maps log q (B, A) to actions (B,): a sampler, or argmax.
        dtype: Precision in which proposals are scored.
        part: Indices of the values on which they are scored, of the P; None for all.
        on_step: Called after each decision; an exception that it raises ends the roll-out.

    Returns:
        The trajectories.
    """
    canvas = [chain.dynamics.start(len(goal))]  # x_0, (B, *S)
    potential = [chain.likelihood.log_prob(canvas[0], goal)]  # Phi(x_0, g), (B,)
    choices, used = [], None  # used: (B, A), with `single_use`
    with chain.cast_once(dtype, part):  # weights do not change during a roll-out
        for h in range(chain.horizon):
            step = torch.full((len(goal),), h, device=goal.device)
            state = State(canvas[h], goal, step, used)
            with torch.no_grad():
                proposals = chain.propose(state.canvas, step, used=used)
                decision = decide(chain, proposals, state, dtype, part)
            log_q = agent(state, decision)  # (B, A)
            with torch.no_grad():
                action = choose(log_q)  # (B,)
                delta = proposals.chosen(action)  # (B, *S)
                canvas.append(chain.dynamics.advance(state.canvas, delta, step))
                used = chain.use(used, action)
                potential.append(chain.likelihood.log_prob(canvas[-1], goal))
            log_prior = _pick(proposals.log_prior, action)  # (B,)
            q = find_probabilities(log_q.detach())
            choices.append((action, _pick(log_q, action), log_prior, q))
            if on_step is not None:
                on_step(StepRecord(h, action, *potential[-2:]))
    columns = [*map(list, zip(*choices, strict=True)), potential, canvas]
    return Trajectories(*(torch.stack(column, dim=1) for column in columns))


def _pick(table: Tensor, action: Tensor) -> Tensor:
    """Return table[b, action[b]], shape (B,)."""
    return table.gather(-1, action.unsqueeze(-1)).squeeze(-1)
