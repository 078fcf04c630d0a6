"""The bound on the negative log-likelihood, of trajectories and of given images.

For one path tau drawn from q, the bound on -log p_S(g) is

    -log p(g | x_H)  +  sum_h log q(a_h | x_h, h, g) - log p_S(a_h | x_h, h)

With the probability of a stored image instead of the density p(g | x_H) it bounds the length of
its code; divided by D log 2, that is in bits per dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from agents.gcgen.nll_report import ImageBounds, NLLReport
from agents.gcgen.rollout import GCAgent, Trajectories, rollout
from gcgen_env.model.coordinates import RolloutSpace
from gcgen_env.model.sampling import make_sampler, skip_draws
from gcgen_env.model.stored_values import has_probabilities, log_probability
from gcgen_env.model.turns import Turns, alone

_BATCH = 256  # goals times paths in one roll-out


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


def compute_bound(trajectories: Trajectories) -> Bound:
    """Compute the bound of each path."""
    divergence = trajectories.log_q - trajectories.log_prior  # (B, H), in nats
    return Bound(-trajectories.potential[:, -1], divergence)  # Phi(x_H, g) = log p(g | x_H)


def evaluate_bound(
    space: RolloutSpace,
    make_agent: Callable[[Tensor], GCAgent],
    goals: Tensor,
    num_paths: int = 1,
    seed: int | None = 0,
    turns: Turns = alone,
) -> NLLReport:
    """Evaluate the bound by sampling paths from the GC-agent; see `sample_bounds`."""
    bounds = sample_bounds(space, make_agent, goals, num_paths, seed, turns)
    return NLLReport.of(bounds, num_paths, math.prod(space.outer.shape))


@torch.no_grad()
def sample_bounds(
    space: RolloutSpace,
    make_agent: Callable[[Tensor], GCAgent],
    goals: Tensor,
    num_paths: int = 1,
    seed: int | None = 0,
    turns: Turns = alone,
) -> ImageBounds:
    """Return the bound of each image, by sampling paths from the GC-agent.

    It is a bound for any GC-agent, and tends to the exact value as `num_paths` grows if q > 0
    wherever p_S > 0.

    Args:
        space: The S-agent's chain; with `nucleus < 1` its pruned prior is the prior.
        make_agent: Makes the GC-agent of one roll-out, given its goals as the space has them.
        goals: Images g, shape (N, *S), on the chain's device.
        num_paths: M.
        seed: Seed of the paths; None draws them anew.
        turns: Who computes which batch.

    Raises:
        ValueError: If there are no images or no paths.
    """
    if num_paths < 1 or not len(goals):
        raise ValueError(f"need images and paths, got {len(goals)} images, {num_paths} paths")
    generator = torch.Generator()  # on the CPU, as `make_sampler` needs it
    generator.manual_seed(generator.seed() if seed is None else seed)
    choose = make_sampler(generator)
    are_stored = has_probabilities(space.outer.likelihood, goals)

    def compute(batch: Tensor) -> ImageBounds:
        return _evaluate_batch(space, make_agent, batch, num_paths, choose, are_stored)

    def skip(batch: Tensor) -> None:
        for num in _split_paths(len(batch), num_paths):
            skip_draws(choose, len(batch) * num, space.chain)

    batches = goals.split(max(1, _BATCH // num_paths))  # bounds the memory
    rows = turns(batches, compute, skip)
    return ImageBounds(*map(torch.cat, zip(*rows, strict=True)))


def _split_paths(num_goals: int, num_paths: int) -> list[int]:
    """Return the paths of each roll-out: memory does not grow with their number."""
    most = max(1, _BATCH // num_goals)
    rest = num_paths % most
    return [most] * (num_paths // most) + [rest] * (rest > 0)


def compute_image_bounds(
    reconstruction: Tensor, divergence: Tensor, stored: Tensor | None = None
) -> ImageBounds:
    """Compute IW-M of every image from its M paths (Burda et al., 2016), in float64.

    Args:
        reconstruction: -log p(g | x_H), shape (B, M).
        divergence: log q - log p_S of each choice, shape (B, M, H).
        stored: -log P(g | x_H) of the stored image, shape (B, M); None if it has no probability.
    """
    cost = divergence.double().sum(2)  # (B, M)
    stored = torch.full_like(cost, math.nan) if stored is None else stored
    nll, length = (_weigh(each.double() + cost) for each in (reconstruction, stored))
    reconstruction, divergence = reconstruction.double(), divergence.double()
    return ImageBounds(nll, reconstruction.mean(1), divergence.mean(1), length)


def _weigh(cost: Tensor) -> Tensor:
    """Return -log mean_m exp(-cost_m) of the M paths, shape (B,)."""
    return math.log(cost.shape[1]) - (-cost).logsumexp(1)


def _evaluate_batch(
    space: RolloutSpace,
    make_agent: Callable[[Tensor], GCAgent],
    goals: Tensor,
    num_paths: int,
    choose: Callable[[Tensor], Tensor],
    are_stored: bool,
) -> ImageBounds:
    """Return the bounds of B goals, which may have probabilities."""
    reconstructions, divergences, stored = [], [], []
    for num in _split_paths(len(goals), num_paths):
        repeated = goals.repeat_interleave(num, 0)  # (B num, *S), paths of a goal adjacent
        goal = space.enter(repeated)
        paths = rollout(space.chain, make_agent(goal), goal, choose)
        canvas, likelihood = space.embed(paths.canvas[:, -1]), space.outer.likelihood
        reconstructions.append(-likelihood.log_prob(canvas, repeated).view(-1, num))  # (B, num)
        if are_stored:
            stored.append(-log_probability(likelihood, canvas, repeated).view(-1, num))
        divergence = compute_bound(paths).divergence
        divergences.append(divergence.view(-1, num, space.chain.horizon))  # (B, num, H)
    parts = (
        torch.cat(each, 1) if each else None for each in (reconstructions, divergences, stored)
    )
    return compute_image_bounds(*parts)  # type: ignore[arg-type]
