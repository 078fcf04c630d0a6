"""Which images are compared: the reference, real images beside it, and training images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gcgen_env.datasets import Dataset

MOST = 10_000
"""Largest number of images of the reference, and of the memorisation test."""
FEW = 100
"""Number of images by which two sets are told apart."""


@dataclass(frozen=True, eq=False)
class ImageSets:
    """Real images; no two of the sets share one."""

    reference: Dataset
    """What everything is compared with: images that were not trained on."""
    real: Dataset
    """Training images that stand beside the drawn ones, as many: the best that one can expect."""
    training: Dataset
    """Other training images, for the memorisation test."""
    held_out: Dataset
    """As many of the reference, for the same test."""


def choose_sets(train: Dataset, reference: Dataset, num: int = MOST, seed: int = 0) -> ImageSets:
    """Divide real images at random.

    Args:
        train: Training images.
        reference: Images that were not trained on, of which at most 10,000 are used.
        num: Wanted number of drawn images; there are at most half as many as training images.
        seed: Seed of the choice.

    Raises:
        ValueError: If the reference is the training set itself, or there are fewer than 20 images.
    """
    if _are_same(train, reference):
        raise ValueError(
            f"{reference.name} has no images of its own for the comparison: it has fewer than 20, "
            "or the split is that of the training"
        )
    rng = np.random.default_rng(seed)
    size = min(num, len(train) // 2)
    chosen = rng.permutation(len(train))[: size + min(size, MOST)]
    kept = np.sort(rng.permutation(len(reference))[:MOST])
    pair = min(len(chosen) - size, len(kept))  # of the memorisation test
    if min(size, len(kept), pair) < 10:
        raise ValueError(
            f"a comparison needs 10 samples, 20 training images and 10 of the split, got {num}, "
            f"{len(train)} and {len(reference)}"
        )
    return ImageSets(
        reference.select(kept),
        train.select(np.sort(chosen[:size])),
        train.select(np.sort(chosen[size:][:pair])),
        reference.select(np.sort(rng.permutation(kept)[:pair])),
    )


def _are_same(one: Dataset, other: Dataset) -> bool:
    """Return whether two data sets look the same, without reading all of a large one."""
    return len(one) == len(other) and np.array_equal(one.array[:FEW], other.array[:FEW])
