"""Rules to compare guidance with: the best of N, and the top two (Yang, 2025)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.guidance.black_box import BlackBox, Guidance
from agents.guidance.guided_sample import GuidedSample
from agents.guidance.sampler import Draws, GuidedSampler
from agents.guidance.sampling import BATCH_SIZE, join_results
from gcgen_env.model.chain import Chain

Images = NDArray[np.float32]


class TopTwoSampler(GuidedSampler):
    """DDN's rule of guidance: one of the two proposals with the highest scores, at random."""

    def tilt(self, log_prior: Tensor, score: Tensor, h: int) -> Tensor:
        """Return 0 for the two proposals with the highest scores, and -inf for the others."""
        best = score.masked_fill(log_prior.isinf(), -torch.inf).topk(2, dim=-1).indices  # (R, 2)
        return torch.full_like(score, -torch.inf).scatter(-1, best, 0.0)


@torch.no_grad()
def sample_top_two(chain: Chain, num: int, guidance: Guidance, seed: int) -> GuidedSample:
    """Generate images with the rule of DDN; the prior is ignored."""
    black_box = BlackBox(guidance, BATCH_SIZE, num * chain.horizon * chain.num_proposals)
    sampler = TopTwoSampler(chain, black_box, 1.0, 1)
    starts = range(0, num, sampler.group)
    numbers = [range(start, min(num, start + sampler.group)) for start in starts]
    return join_results(
        sampler, [sampler.run(Draws.make(seed, each, sampler.sizes)) for each in numbers]
    )


def pick_best(scores: NDArray[np.floating], each: int) -> NDArray[np.int64]:
    """Return the best of the first `each` images, of the next `each`, and so on.

    Args:
        scores: Scores of images that were drawn without guidance, shape (N,).
        each: Number of images among which one is chosen.

    Returns:
        Numbers of the chosen ones, shape (N // each,).
    """
    num = len(scores) // each
    return scores[: num * each].reshape(num, each).argmax(1) + each * np.arange(num)


def accept(scores: NDArray[np.floating], least: float, num: int) -> tuple[NDArray[np.int64], float]:
    """Draw images without guidance until `num` of them have a score of at least `least`.

    Args:
        scores: Scores of images that were drawn without guidance, shape (N,).
        least: Smallest accepted score.
        num: Number of images wanted.

    Returns:
        Numbers of the accepted ones, and how many were drawn for each of them.
    """
    found = np.flatnonzero(scores >= least)[:num]
    return found, float((found[-1] + 1) / num)
