"""Guided generation: a black box scores all next images, and the choices follow the scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.guidance.black_box import BlackBox, Guidance
from agents.guidance.errors import GuidanceError, GuidanceInterrupted
from agents.guidance.guided_sample import GuidedSample
from agents.guidance.sampler import Draws, GuidedSampler
from gcgen_env.config import check_count
from gcgen_env.model.chain import Chain

BATCH_SIZE = 1024
"""Largest number of images in one call of the guidance, by default."""


@torch.no_grad()
def sample_guided(
    chain: Chain,
    num: int,
    guidance: Guidance,
    scale: float = 1.0,
    num_particles: int = 1,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    report: Callable[[int], object] = lambda _: None,
) -> GuidedSample:
    """Generate images with a high score.

    A proposal is chosen with a probability proportional to p_S(a | x, h) exp(beta_h score(x'_a)),
    where beta_h rises linearly to beta at the last step. With K particles an image is one of K
    trajectories, and those are continued from which high scores are reached (sequential Monte
    Carlo). As K grows, codes are drawn from p_S(tau) exp(beta score(x_H)) / Z. If the score is
    log p(y | image) and beta is 1, these are images given y.

    Args:
        chain: `SAgent.chain`, or `GCGen.chain`.
        num: Number of images.
        guidance: Maps images (B, *S), float32, to B finite scores, higher = better.
        scale: beta; 0 generates without guidance, a negative one seeks low scores.
        num_particles: K, trajectories of each image; the cost grows with it.
        seed: Seed of the draws; None draws anew. Image i depends on the seed and i alone.
        batch_size: Largest number of images in one call of the guidance, which bounds the memory.
        report: Called with the number of complete images, after each batch of them.

    Returns:
        The images, with their codes, scores and costs.

    Raises:
        ValueError: If an option is invalid.
        GuidanceError: If the guidance fails or returns something else; `partial` holds the images
            that were complete.
        GuidanceInterrupted: On Ctrl-C; `partial` holds the images that were complete.
    """
    _check_options(num, scale, num_particles, seed, batch_size, guidance)
    most_calls = num * num_particles * chain.horizon * chain.num_proposals
    black_box = BlackBox(guidance, batch_size, most_calls)
    sampler = GuidedSampler(chain, black_box, scale, num_particles)
    # None draws a seed, so that image i still depends on the seed and i alone.
    drawn = int(np.random.default_rng().integers(2**62)) if seed is None else int(seed)
    results: list[tuple[Tensor, Tensor, Tensor]] = []
    try:
        for start in range(0, num, sampler.group):
            numbers = range(start, min(num, start + sampler.group))
            results.append(sampler.run(Draws.make(drawn, numbers, sampler.sizes)))
            report(numbers.stop)
    except GuidanceError as error:
        error.partial = join_results(sampler, results)
        raise
    except KeyboardInterrupt as error:
        raise GuidanceInterrupted(join_results(sampler, results)) from error
    return join_results(sampler, results)


def join_results(
    sampler: GuidedSampler, results: list[tuple[Tensor, Tensor, Tensor]]
) -> GuidedSample:
    """Return the results of all batches as one."""
    chain, black_box = sampler.chain, sampler.black_box
    # What Ctrl-C leaves may be nothing at all.
    empty = torch.zeros(0, *chain.shape), torch.zeros(0, chain.horizon).long(), torch.zeros(0)
    parts = results or [empty]
    images, codes, scores = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
    name = repr(black_box.function)
    return GuidedSample(images, codes, scores, black_box.num_scored, name)


def _check_options(
    num: Any, scale: Any, num_particles: Any, seed: Any, batch_size: Any, guidance: Any
) -> None:
    """Raise a ValueError that names the first invalid option."""
    check_count("num", num, 1, "it counts images")
    check_count("num_particles", num_particles, 1, "it counts trajectories of each image")
    check_count("batch_size", batch_size, 1, "it counts images")
    if seed is not None:
        check_count("seed", seed, 0, "it is an integer, or None")
    is_number = isinstance(scale, Real) and not isinstance(scale, bool)
    if not is_number or not math.isfinite(scale):
        raise ValueError(f"scale must be a finite number, got {scale!r}")
    if not callable(guidance):
        raise ValueError(
            "guidance must be a function that maps images (B, *S) to scores (B,), got "
            f"{type(guidance).__name__}"
        )
