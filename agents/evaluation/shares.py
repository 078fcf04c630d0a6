"""Shares of images: in bins of pixels (NDB), and in classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 100
FEWEST = 10
"""Smallest mean number of images in a bin."""
LEVEL = 1.96
"""Standard errors beyond which two shares count as different: a level of 5 %."""
_ITERATIONS = 30


@dataclass(frozen=True, eq=False)
class Bins:
    """Cells of pixels, and the number of real images in each (Richardson and Weiss, 2018)."""

    means: Any
    """The fitted `KMeans` of scikit-learn."""
    counts: NDArray[np.int64]
    """Number of the real images in each cell."""

    @classmethod
    def fit(cls, real: NDArray[np.float32], seed: int = 0) -> Bins:
        """Divide real images (N, *S) into 100 bins, or into fewer if there are few images."""
        from sklearn.cluster import KMeans

        num = max(1, min(BINS, len(real) // FEWEST))
        means = KMeans(num, n_init=1, max_iter=_ITERATIONS, random_state=seed)
        cell = means.fit_predict(real.reshape(len(real), -1))
        return cls(means, np.bincount(cell, minlength=num))

    def count_different(self, images: NDArray[np.float32]) -> int:
        """Return NDB: bins whose shares of real and of these images (M, *S) clearly differ."""
        cell = self.means.predict(images.reshape(len(images), -1))
        counts = np.bincount(cell, minlength=len(self.counts))
        n, m = self.counts.sum(), counts.sum()
        pooled = (self.counts + counts) / (n + m)  # the two shares, if they are equal
        error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        difference = np.abs(self.counts / n - counts / m)
        return int((difference > LEVEL * error).sum())


def class_divergence(
    classes: NDArray[np.int64], real: NDArray[np.int64], num: int | None = None
) -> float:
    """Return KL(drawn || real) between the shares of classes, in nats.

    Half an image is added to each class, so that it is finite.

    Args:
        classes: Classes of the drawn images, shape (M,).
        real: Classes of the real images, shape (N,).
        num: Number of classes; None: the largest one plus 1.
    """
    num = int(max(classes.max(), real.max())) + 1 if num is None else num
    p, q = (np.bincount(each, minlength=num) + 0.5 for each in (real, classes))
    p, q = p / p.sum(), q / q.sum()
    return max(0.0, math.fsum(q * np.log(q / p)))
