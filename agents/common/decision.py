"""What an agent knows when it selects a proposal: read from canvases or from observations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gcgen_env.model.chain import Chain
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.model.proposer import Proposals

INVALID_LOGIT = -1e8
"""Logit of an invalid proposal: its probability is exactly zero in float32."""


class State(NamedTuple):
    """B states of trajectories and their goals."""

    canvas: Tensor
    """x, shape (B, *S)."""
    goal: Tensor
    """g, shape (B, *S)."""
    step: Tensor
    """h, shape (B,), int64."""
    used: Tensor | None = None
    """Proposals that cannot be chosen again, shape (B, A), bool; None if all can."""

    def split(self, size: int) -> Iterator[State]:
        """Yield the states in parts of at most `size`."""
        for i in range(0, len(self.step), size):
            part = slice(i, i + size)
            used = None if self.used is None else self.used[part]
            yield State(self.canvas[part], self.goal[part], self.step[part], used)

    def advance(self, chain: Chain, action: Tensor) -> State:
        """Return the states after some choices, M of each state, as B M states.

        Args:
            chain: Makes the proposals.
            action: Shape (B, M).
        """
        num, chosen = action.shape[1], action.flatten()  # (B M,)
        canvas, goal, step = (each.repeat_interleave(num, 0) for each in self[:3])
        used = None if self.used is None else self.used.repeat_interleave(num, 0)
        canvas = chain.choose(canvas, step, chosen)
        return State(canvas, goal, step + 1, chain.use(used, chosen))


class Decision(NamedTuple):
    """The A proposals of B states, as the GC-agent sees them.

    D is the number of values of one image, P the number of those that proposals can change.
    """

    image: Tensor
    """m(x), shape (B, D)."""
    goal: Tensor
    """g, shape (B, D)."""
    progress: Tensor
    """h / H, shape (B, 1)."""
    log_prior: Tensor
    """log p_S, shape (B, A), -inf or `INVALID_LOGIT` where invalid, without gradient."""
    gain: Tensor
    """Phi(x'_a, g) - Phi(x, g), shape (B, A), in nats."""
    proposals: Tensor
    """m(x'_a) at the P values, shape (B, A, P); empty if the gains need no images."""
    values: Tensor
    """m(x) at the P values, shape (B, P)."""
    compress: Callable[[Tensor], Tensor]
    """Selects the P values of a direction: (B, D) to (B, P); some count for several."""


@torch.no_grad()
def decide(
    chain: Chain,
    proposals: Proposals,
    state: State,
    dtype: torch.dtype = torch.float32,
    part: Tensor | None = None,
) -> Decision:
    """Compute all next states of roll-outs, their images and gains.

    Args:
        chain: Dynamics and likelihood.
        proposals: The chain's proposals in these states.
        state: The states.
        dtype: Precision in which the proposals are computed.
        part: Indices of some of the P values, from which gain and scores are estimated.
    """
    likelihood, weight = chain.likelihood, 1.0
    if part is not None:
        weight = proposals.x.shape[1] / len(part)  # P values for each one that is used

    def take(values: Tensor) -> Tensor:
        return values if part is None else values.index_select(-1, part)

    x, goal = take(proposals.x.detach()), take(chain.compress(state.goal))  # (B, P) both
    if likelihood.precision is not None and proposals.products is not None:
        images, gain = x.new_empty(0), _sum_gains(chain, proposals, x, goal, state.step)
    else:
        before = likelihood.log_prob_terms(x, goal).sum(-1, keepdim=True)  # (B, 1), over P values
        images, after = chain.measure_next_(x, proposals.all(dtype, part), state.step, goal)
        gain = weight * (after - before)  # the D - P values that cannot change would cancel here
    return Decision(
        likelihood.mean(state.canvas.detach()).flatten(1),  # (B, D)
        state.goal.flatten(1),  # (B, D)
        (state.step / chain.horizon).unsqueeze(1),  # (B, 1)
        proposals.log_prior.detach(),
        gain,
        images,
        likelihood.mean(x),  # (B, P)
        lambda values: weight * take(chain.compress(values.unflatten(1, chain.shape))),
    )


def _sum_gains(chain: Chain, proposals: Proposals, x: Tensor, goal: Tensor, step: Tensor) -> Tensor:
    """Return Phi(x'_a, g) - Phi(x, g), shape (B, A), of a likelihood that is quadratic in x.

    alpha <w (g - x), y[a]> - alpha^2 / 2 sum_i w y[a]^2      with the precision w
    """
    w = chain.likelihood.precision
    assert w is not None and proposals.products is not None
    w = w[: x.shape[1]]  # (P,)
    first, second = proposals.products(w * (goal - x), w)  # (B, A) both
    alpha = chain.dynamics.rate[step].unsqueeze(1)  # (B, 1)
    return alpha * first - 0.5 * alpha * alpha * second


def read_observation(likelihood: Likelihood, observation: Mapping[str, Tensor]) -> Decision:
    """Read a batch of observations with `obs_mode="pixels"`; all D values count as changeable.

    Args:
        likelihood: Measures the gains.
        observation: As environments return it, as tensors.
    """
    image, goal = (observation[key].flatten(1) for key in ("observation", "desired_goal"))
    proposals = observation["proposals"].flatten(2)  # (B, A, D)
    _, before = likelihood.measure_(
        likelihood.to_canvas(image.unsqueeze(1).clone()), goal
    )  # (B, 1)
    _, after = likelihood.measure_(likelihood.to_canvas(proposals.clone()), goal)  # it overwrites
    invalid = observation["action_mask"] < 0.5  # (B, A); SB3 passes masks as floats
    log_prior = observation["log_prior"].masked_fill(invalid, INVALID_LOGIT)  # observed as -30
    return Decision(
        image, goal, observation["step"], log_prior, after - before, proposals, image, _same
    )


def pack(decision: Decision) -> Tensor:
    """Put a decision that was read from observations into one row (B, features) each."""
    parts = (getattr(decision, name).flatten(1) for name in _PACKED)
    return torch.cat(list(parts), dim=1)  # (B, 2 D + 1 + 2 A + A D)


def unpack(features: Tensor, num_proposals: int, num_values: int) -> Decision:
    """Undo `pack`, given A and D."""
    a, d = num_proposals, num_values
    parts = dict(zip(_PACKED, features.split(packed_sizes(a, d), dim=1), strict=True))
    parts["proposals"] = parts["proposals"].unflatten(1, (a, d))  # (B, A D) to (B, A, D)
    return Decision(**parts, values=parts["image"], compress=_same)  # P = D


def packed_sizes(num_proposals: int, num_values: int) -> list[int]:
    """Return how many numbers each part takes in `pack`, given A and D."""
    a, d = num_proposals, num_values
    return [d, d, 1, a, a, a * d]  # in the order of `_PACKED`


_PACKED = ("image", "goal", "progress", "log_prior", "gain", "proposals")


def _same(values: Tensor) -> Tensor:
    """Return all D values."""
    return values


def check_observation(observation: Any, key: str, remedy: str) -> None:
    """Raise a ValueError unless something is an observation with a key, and finite.

    Args:
        observation: What `predict` was given.
        key: A key that the agent reads.
        remedy: How to make an environment that shows it.
    """
    if isinstance(observation, tuple):
        raise ValueError(
            "predict takes an observation, got a tuple: env.reset() of Gymnasium returns "
            "(observation, info), so pass the first of the two"
        )
    if not isinstance(observation, Mapping):
        raise ValueError(
            "an observation is a dictionary, as a GCGen environment returns it, got "
            f"{type(observation).__name__}"
        )
    if key not in observation:
        raise ValueError(f"the observation has no {key!r}: {remedy}")
    for name, value in observation.items():
        if not np.isfinite(value).all():
            raise ValueError(f"the observation's {name!r} is not finite: it has NaN or infinity")


NEEDS_PROPOSALS = (
    "the GC-agent selects among the observed proposals, so make the environment with "
    'obs_mode="pixels"'
)
NEEDS_MASK = "all GCGen environments have it, so pass their observation unchanged"
