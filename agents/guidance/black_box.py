"""Calls a user's scoring function on images: in batches, checked, counted and timed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.guidance.errors import GuidanceError
from gcgen_env.storage import describe_error

Images = NDArray[np.float32]
Scores = NDArray[np.float64]
Guidance = Callable[[Images], Any]
"""Maps images (B, *S), float32, to B finite scores, higher = better. No gradient is needed."""
LARGEST = 1e100
"""Largest size of a score: its product with a scale and sums of it stay finite."""
FIRST, SLOW = 10.0, 120.0
"""After the first ten seconds a warning says how long all will take, if it is two minutes."""


class BlackBox:
    """A guidance function whose results are validated, and whose images are counted."""

    def __init__(self, function: Guidance, batch_size: int, most: int) -> None:
        """Wrap a function.

        Args:
            function: The guidance.
            batch_size: Largest number of images in one call.
            most: Largest number of images that will be scored in all.
        """
        self.function = function
        self.most = most
        self.batch_size = batch_size
        self.num_scored = 0
        """Number of images scored, over all calls."""
        self.seconds = 0.0
        """Time that the function has taken."""
        self._is_checked = False  # whether it is known how long all will take

    def score(self, images: Images) -> Scores:
        """Return the scores of images (B, *S), shape (B,).

        Raises:
            GuidanceError: If the function raises, or does not return B finite numbers.
        """
        starts = range(0, len(images), self.batch_size)
        return np.concatenate([self._call(images[i : i + self.batch_size]) for i in starts])

    def _call(self, images: Images) -> Scores:
        """Score images in one call."""
        before = time.perf_counter()
        try:
            result = self.function(images)
        except Exception as error:
            raise GuidanceError(
                f"the guidance function raised {type(error).__name__} on images of shape "
                f"{images.shape}: {describe_error(error)}"
            ) from error
        scores = check_scores(result, len(images))
        self.num_scored += len(images)
        self.seconds += time.perf_counter() - before
        if self.seconds > FIRST and not self._is_checked:
            self._is_checked = True
            self._warn_if_slow(self.seconds / self.num_scored)
        return scores

    def _warn_if_slow(self, seconds: float) -> None:
        """Say how long all will take at so many seconds for an image, if it is long."""
        expected = seconds * self.most
        if expected > SLOW:
            warnings.warn(
                f"the guidance function scores {1 / seconds:.3g} images a second: up to "
                f"{self.most:,} will take about {expected / 60:.0f} minutes; fewer particles cost "
                "less, and Ctrl-C keeps the images that are complete",
                stacklevel=2,
            )


def check_scores(result: Any, num: int) -> Scores:
    """Return what a guidance function has returned, in float64.

    Args:
        result: Numbers: an array, a list, or a tensor of any device, with gradient or without.
        num: Number of images.

    Raises:
        GuidanceError: If they are not `num` finite numbers.
    """
    if hasattr(result, "detach"):
        result = result.detach().cpu()
    try:
        if np.iscomplexobj(result):
            raise TypeError("complex numbers have no order")
        scores = np.asarray(result, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise GuidanceError(
            f"the guidance function must return an array of {num} numbers, got "
            f"{type(result).__name__}"
        ) from error
    if scores.shape != (num,):
        raise GuidanceError(
            f"the guidance function must return one score for each image, shape ({num},), got "
            f"shape {scores.shape}"
        )
    wrong = np.flatnonzero(~(np.abs(scores) <= LARGEST))  # NaN is wrong, too
    if len(wrong):
        raise GuidanceError(
            f"the guidance function must return finite scores of at most {LARGEST:g}, got "
            f"{scores[wrong[0]]} for image {wrong[0]} of {num}; for what must not "
            "happen return a low score such as -1e6"
        )
    return scores
