"""Does a model repeat its training images? Its images are then nearer to them than to others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gcgen_env.datasets import Dataset, find_nearest

CONFIDENCE = 0.95


class Memorisation(NamedTuple):
    """Share of images that are nearer to training images than to as many held-out ones.

    Without memorisation it is near 0.5; for copies of training images it is 1.
    """

    share: float
    """The share; a tie counts half."""
    low: float
    """Lower end of its 95 % interval (Wilson), over the drawn images."""
    high: float
    """Upper end."""

    def __str__(self) -> str:
        """Return the share and its interval."""
        return f"{self.share:.3f} ({self.low:.3f} to {self.high:.3f})"


def measure_memorisation(
    images: NDArray[np.float32], training: Dataset, held_out: Dataset
) -> Memorisation:
    """Compare distances of pixels.

    Args:
        images: Shape (N, *S).
        training: Training images.
        held_out: As many images that were not trained on.

    Raises:
        ValueError: If the two sets differ in size: the larger one would be nearer.
    """
    from scipy.stats import binomtest

    if len(training) != len(held_out):
        raise ValueError(
            f"need as many training images as held-out ones, got {len(training)} and "
            f"{len(held_out)}"
        )
    near, far = (find_nearest(images, data).distance for data in (training, held_out))
    nearer = float((near < far).sum() + 0.5 * (near == far).sum())
    interval = binomtest(round(nearer), len(images)).proportion_ci(CONFIDENCE, method="wilson")
    return Memorisation(nearer / len(images), float(interval.low), float(interval.high))
