"""The bound on the negative log-likelihood, of trajectories and of given images.

For one path tau drawn from q, the bound on -log p_S(g) is

    -log p(g | x_H)  +  sum_h log q(a_h | x_h, h, g) - log p_S(a_h | x_h, h)

With the probability of a stored image instead of the density p(g | x_H) it bounds the length of
its code; divided by D log 2, that is in bits per dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.gcgen.rollout import GCAgent, Trajectories, rollout
from gcgen_env.model.coordinates import RolloutSpace
from gcgen_env.model.sampling import make_sampler, skip_draws
from gcgen_env.model.stored_values import has_probabilities, log_probability
from gcgen_env.model.turns import Turns, alone
from gcgen_env.viewer.card import draw_card

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


class ImageBounds(NamedTuple):
    """The bound of each image and its parts, in nats."""

    nll: Tensor
    """IW-M, shape (B,)."""
    reconstruction: Tensor
    """-log p(g | x_H), mean over the paths, shape (B,)."""
    divergence: Tensor
    """log q - log p_S of each choice, mean over the paths, shape (B, H)."""
    code_length: Tensor
    """IW-M of the probability of the stored image, shape (B,); NaN if it has none."""


@dataclass(frozen=True)
class NLLReport:
    """Bound on -log p_S over a set of images, in nats.

    With one path it is -ELBO; with M paths IW-M, mean of -log(1/M sum_m p(tau_m, g) / q(tau_m|g)).

    Attributes:
        nll: The bound, mean over images.
        standard_error: Standard error of `nll` over images.
        negative_elbo: One-path bound, mean over images and paths: reconstruction + divergence.
        reconstruction: -log p(g | x_H), mean over images and paths.
        divergence: log q - log p_S at each of the H steps, mean over images and paths.
        num_paths: M, the number of paths for each image.
        num_images: Number of images.
        bits_per_dim: The bound on the code length of an image, mean over images, in bits for each
            of its D values; None for images that are neither binary nor bytes.
        per_image: The bound of each image, shape (num_images,), for paired comparisons.
        given_class: Whether it bounds -log p_S(g | class) instead of -log p_S(g).
    """

    nll: float
    standard_error: float
    negative_elbo: float
    reconstruction: float
    divergence: tuple[float, ...]
    num_paths: int
    num_images: int
    bits_per_dim: float | None
    per_image: NDArray[np.float64] = field(repr=False)
    given_class: bool = False

    @property
    def name(self) -> str:
        """Name of the bound: "-ELBO" or "IW-M", and whether the class is given."""
        bound = "-ELBO" if self.num_paths == 1 else f"IW-{self.num_paths}"
        return f"{bound} | class" if self.given_class else bound

    @classmethod
    def of(cls, bounds: ImageBounds, num_paths: int, num_values: int) -> NLLReport:
        """Average the bounds of images of D values from M paths each."""
        nll, reconstruction, divergence, length = (part.cpu().numpy() for part in bounds)  # N, ...
        per_step, num = divergence.mean(axis=0), len(nll)  # (H,), N
        bits = float(length.mean()) / (num_values * math.log(2))
        return cls(
            nll=float(nll.mean()),
            standard_error=float(nll.std(ddof=1) / math.sqrt(num)) if num > 1 else math.nan,
            negative_elbo=float(reconstruction.mean() + per_step.sum()),
            reconstruction=float(reconstruction.mean()),
            divergence=tuple(per_step.tolist()),
            num_paths=num_paths,
            num_images=num,
            bits_per_dim=bits if math.isfinite(bits) else None,
            per_image=nll,
        )

    def _repr_html_(self) -> str:
        """Return the parts of the bound as a table, for notebooks."""
        bits = "not defined" if self.bits_per_dim is None else f"{self.bits_per_dim:.3f}"
        facts = {
            f"{self.name}, nats": f"{self.nll:.2f} ± {self.standard_error:.2f}",
            "reconstruction, nats": f"{self.reconstruction:.2f}",
            "divergence, nats": f"{sum(self.divergence):.2f}",
            "of each step": ", ".join(f"{step:.2f}" for step in self.divergence),
            "bits per dimension": bits,
            "images": f"{self.num_images:,}, {self.num_paths} paths each",
        }
        return draw_card("Bound on -log p", facts)

    def __str__(self) -> str:
        """Return the report as one sentence."""
        bits = "" if self.bits_per_dim is None else f", {self.bits_per_dim:.3f} bits per dimension"
        is_one = self.num_images == 1  # a single image has no standard error
        error, noun = ("", "image") if is_one else (f" ± {self.standard_error:.2f}", "images")
        return (
            f"{self.name} {self.nll:.2f}{error} nats "
            f"(reconstruction {self.reconstruction:.2f}, "
            f"divergence {sum(self.divergence):.2f}){bits} on {self.num_images} {noun}"
        )


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
    sizes = space.chain.horizon, space.chain.num_proposals

    def compute(batch: Tensor) -> ImageBounds:
        return _evaluate_batch(space, make_agent, batch, num_paths, choose, are_stored)

    def skip(batch: Tensor) -> None:
        for num in _split_paths(len(batch), num_paths):
            skip_draws(choose, len(batch) * num, sizes)

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
