"""Bounds on training and validation images, and whether the two have parted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from gcgen_env.datasets import Dataset
from gcgen_env.datasets.dataset import SMALLEST_TO_SPLIT

CLEAR = 3.0
"""Standard errors above which a change is clear, if the images are many."""
FEWEST = 2
"""Smallest number of images of each kind; one alone has no standard error."""


@dataclass(frozen=True)
class Evaluation:
    """The bounds of a model on a fixed sample of validation images and one of training images."""

    update: int
    """Number of updates of the model."""
    validation: tuple[float, ...]
    """Bound of each validation image, in nats."""
    training: tuple[float, ...]
    """Bound of each training image, in nats."""

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """Undo `dataclasses.asdict`, also after JSON.

        Raises:
            ValueError: If a value is missing, or of a wrong type.
        """
        try:
            update, bounds = fields["update"], [fields["validation"], fields["training"]]
            is_valid = type(update) is int and update >= 0 and len(fields) == len(bounds) + 1
            arrays = [np.array(each, dtype=np.float64) for each in bounds]
        except (KeyError, TypeError, ValueError):
            is_valid = False
        if not is_valid or not all(a.ndim == 1 and a.size and np.isfinite(a).all() for a in arrays):
            raise ValueError(f"no evaluation of a model: {fields!r:.99}")
        return cls(update, *(tuple(a.tolist()) for a in arrays))

    @property
    def validation_bound(self) -> float:
        """Mean over the validation images, in nats."""
        return sum(self.validation) / len(self.validation)

    @property
    def training_bound(self) -> float:
        """Mean over the training images, in nats."""
        return sum(self.training) / len(self.training)

    def fits(self, other: Evaluation) -> bool:
        """Return whether another evaluation has as many images: only then are they the same."""
        mine, others = ([len(e.validation), len(e.training)] for e in (self, other))
        return mine == others

    def __str__(self) -> str:
        """Return the validation bound in words."""
        error = np.std(self.validation, ddof=1) / math.sqrt(len(self.validation))
        bound = f"{self.validation_bound:.2f} ± {error:.2f} nats"
        return f"{bound} on {len(self.validation)} validation images"


class Change(NamedTuple):
    """How the bound of the same images has changed: the mean over the images of each one's change.

    Images differ in their bounds much more than one image does between two updates. The standard
    error of paired differences leaves out what the images have in common.
    """

    mean: float
    """In nats."""
    standard_error: float
    """In nats."""
    num: int
    """Number of images."""

    @classmethod
    def of(cls, before: Sequence[float], after: Sequence[float]) -> Self:
        """Compare the bounds of images, in the same order."""
        differences = np.subtract(after, before)  # (N,)
        num = len(differences)
        error = differences.std(ddof=1) / math.sqrt(num)
        return cls(float(differences.mean()), float(error), num)

    @property
    def is_clear(self) -> bool:
        """Whether it is more than chance.

        It is if the mean is larger than 3 + 7.5 / (N - 1) standard errors. The second term makes up
        for a standard error that is itself estimated from few images: it is the first term of
        Student's quantile, (z^3 + z) / 4 (N - 1) with z = 3.
        """
        needed = CLEAR + (CLEAR**3 + CLEAR) / (4 * (self.num - 1))
        return abs(self.mean) > needed * self.standard_error


def describe_parting(best: Evaluation, now: Evaluation) -> str | None:
    """Return a sentence if a model has begun to learn its training images by heart.

    That is the case if, since the best evaluation, the bound on the validation images has clearly
    risen and the bound on the training images has clearly fallen; see `Change.is_clear`.

    Args:
        best: The evaluation with the lowest validation bound.
        now: A later one of the same images.

    Returns:
        The sentence, with figures and remedies; None if the bounds have not parted.
    """
    rise = Change.of(best.validation, now.validation)
    fall = Change.of(best.training, now.training)
    if not (rise.is_clear and fall.is_clear and fall.mean < 0 < rise.mean):
        return None
    return (
        f"the validation bound has risen since update {best.update} by {rise.mean:.2f} ± "
        f"{rise.standard_error:.2f} nats to {now.validation_bound:.2f}, while the training bound "
        f"has fallen by {-fall.mean:.2f} to {now.training_bound:.2f}: the model learns the "
        "training images by heart; more images help most, then random changes (--augment), a "
        "larger --weight-decay, or an earlier end"
    )


def check_images(training: Dataset, validation: Dataset) -> None:
    """Raise a ValueError unless validation images can tell how a model treats new images."""
    is_same = training.array.shape == validation.array.shape
    if is_same and np.array_equal(training.array, validation.array):
        few = "; a set of fewer than 20 is not divided" * (len(training) < SMALLEST_TO_SPLIT)
        raise ValueError(f"the validation images of {training.name} are its training images{few}")
    for name, images in (("training", training), ("validation", validation)):
        if len(images) < FEWEST:
            raise ValueError(f"{images.name} has one {name} image, too few for a standard error")
