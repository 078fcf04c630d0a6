"""Super-resolution: how well images, made smaller, explain a small one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.guidance.scorers.pixel_likelihood import check_image, log_prob_values
from gcgen_env.model.likelihoods import Likelihood


class LowResolution:
    """log p(g | shrunk x) of a small image g, in nats; a pixel counts as those that it covers."""

    def __init__(self, small: Any, likelihood: Likelihood) -> None:
        """Take a small image g, shape (C, height, width), and the likelihood of the model."""
        self.likelihood = likelihood
        self.small = check_image("the small image", small, likelihood)

    def __repr__(self) -> str:
        """Show the size, not the values."""
        return f"LowResolution(shape={self.small.shape})"

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score images (B, *S), shape (B,)."""
        shrunk = shrink(images, self.small.shape)
        covered = images[0].size / self.small.size  # pixels of an image under one of these
        terms = log_prob_values(self.likelihood, shrunk, self.small)  # (B, C, height, width)
        return covered * terms.sum((1, 2, 3), dtype=np.float64)


def shrink(images: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Average blocks of pixels.

    Args:
        images: Shape (B, C, height, width).
        shape: The smaller shape; its height and width divide those of the images.

    Returns:
        Images, shape (B, *shape).

    Raises:
        ValueError: If they do not.
    """
    rows, columns = check_divides(shape, images.shape[1:])
    channels, height, width = shape
    blocks = images.reshape(len(images), channels, height, rows, width, columns)
    return np.asarray(blocks.mean((3, 5)))


def check_divides(small: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, int]:
    """Return how many times one shape (C, height, width) fits into another.

    Raises:
        ValueError: If it does not fit a whole number of times, or the channels differ.
    """
    if len(large) != 3 or small[0] != large[0] or large[1] % small[1] or large[2] % small[2]:
        raise ValueError(
            "the small image must have the channels of the model's images, and a height and width "
            f"that divide theirs, {tuple(large)}: got {tuple(small)}"
        )
    return large[1] // small[1], large[2] // small[2]
