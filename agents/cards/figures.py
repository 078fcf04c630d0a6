"""The figures of a model card, measured on test images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.gcgen import GCGen, NLLReport


@dataclass(frozen=True)
class Figures:
    """How well a model fits images that it was not trained on."""

    bound: NLLReport
    """The one-path bound."""
    squared_error: float
    """Mean of the squared differences between the values of images and of reconstructions."""
    psnr: float | None
    """10 log10 of the squared range over the squared error, in dB; None for points."""
    seed: int
    """Seed of the binarisation and of the paths."""


def measure_figures(model: GCGen, images: NDArray[np.float32], seed: int = 0) -> Figures:
    """Measure the figures of a card.

    Args:
        model: Both agents.
        images: Test images, shape (N, *S).
        seed: Seed of the binarisation and of the paths.

    Raises:
        ValueError: If the images do not fit the model.
    """
    bound = model.evaluate_nll(images, seed=seed)
    error = float(np.square(model.reconstruct(images).astype(np.float64) - images).mean())
    likelihood = model.s_agent.likelihood
    psnr = None
    if images.ndim == 4 and error > 0:  # an exact copy has no finite PSNR
        psnr = 10 * math.log10((likelihood.high - likelihood.low) ** 2 / error)
    return Figures(bound, error, psnr, seed)
