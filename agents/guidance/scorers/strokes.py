"""Strokes: how well the edges of images agree with drawn ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.guidance.scorers.pixel_likelihood import check_alike

TOLERANCE = 0.5
"""Standard deviation of an edge's strength, in units of the range of the images."""


class Strokes:
    """-sum (edges(x) - strokes)^2 / (2 sigma^2): a normal log-density, up to a constant."""

    def __init__(self, strokes: Any, low: float = 0.0, high: float = 1.0) -> None:
        """Take drawn edges.

        Args:
            strokes: Strength of the edges in [0, 1], shape (height, width); see `find_edges`.
            low: Smallest value of the model's images.
            high: Largest value.
        """
        self.low, self.high = low, high
        self.strokes = np.asarray(strokes, dtype=np.float32)
        if self.strokes.ndim != 2 or not ((self.strokes >= 0) & (self.strokes <= 1)).all():
            raise ValueError(
                "the strokes must be an array (height, width) of numbers in [0, 1], got shape "
                f"{self.strokes.shape}"
            )

    def __repr__(self) -> str:
        """Show the size, not the values."""
        return f"Strokes(shape={self.strokes.shape})"

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score images (B, *S), shape (B,)."""
        check_alike(images[:, 0], self.strokes, "the strokes")
        gap = (find_edges(images, self.low, self.high) - self.strokes) / TOLERANCE
        return -0.5 * np.square(gap).sum((1, 2), dtype=np.float64)


def find_edges(
    images: NDArray[np.float32], low: float = 0.0, high: float = 1.0
) -> NDArray[np.float32]:
    """Return how much each pixel differs from those to its right and below it.

    Args:
        images: Shape (B, C, height, width), in [low, high].
        low: Smallest value.
        high: Largest value.

    Returns:
        Strengths in [0, 1], shape (B, height, width).
    """
    grey = images.mean(1)
    below = np.diff(grey, axis=1, append=grey[:, -1:])
    right = np.diff(grey, axis=2, append=grey[:, :, -1:])
    return np.minimum(np.hypot(below, right) / (high - low), 1)
