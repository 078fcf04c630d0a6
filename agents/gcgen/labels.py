"""The classes of training images, which a conditional S-agent is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.datasets import Dataset

DROPPED = 0.1
"""Share of trajectories whose class is left out, which trains the unconditional model as well."""


def add_classes(sizes: Mapping[str, Any], condition: str | None, data: Dataset) -> dict[str, Any]:
    """Return keywords of `NetworkConfig` with the number of classes, if it is needed.

    Raises:
        TypeError: If the number of classes is given instead of counted.
        ValueError: As `count_classes` does.
    """
    if "num_classes" in sizes:
        raise TypeError(
            "s_agent_kwargs cannot hold num_classes, which the labels of the data determine: pass "
            "condition='label'"
        )
    return {**sizes} if condition is None else {**sizes, "num_classes": count_classes(data)}


def count_classes(data: Dataset) -> int:
    """Return the number of classes of a data set.

    Raises:
        ValueError: If it has no labels, or they are not 0, 1, ... without gaps.
    """
    if data.labels is None:
        raise ValueError(
            f"condition='label' needs labels, and the data set {data.name} has none: choose one "
            "that has, or an .npz file with train_labels"
        )
    found = np.unique(data.labels)
    if not np.array_equal(found, np.arange(len(found))):
        raise ValueError(
            f"the labels of {data.name} must be 0, 1, ... without gaps, got "
            f"{found[:20].tolist()!r:.99}: number the classes anew"
        )
    return len(found)


def take_labels(
    data: Dataset, index: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the classes of some items, some of them replaced by -1, which stands for no class.

    A model that is trained without the class now and then is an unconditional one, too (Ho and
    Salimans, 2022).

    Args:
        data: With labels.
        index: Item numbers, shape (k,).
        rng: Decides which classes are left out.

    Returns:
        Shape (k,), int64.
    """
    assert data.labels is not None
    return np.where(rng.random(len(index)) < DROPPED, -1, data.labels[index])


def group_labels(label: Any, num: int) -> list[tuple[int, NDArray[np.int64]]]:
    """Return each class among the labels of `num` images, and the indices of its images.

    Raises:
        ValueError: If there are neither one nor `num` labels.
    """
    array = np.asarray(label)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"label must be integers, got {array.dtype}")
    if array.shape not in ((), (num,)):
        raise ValueError(
            f"label must be one class, or one for each of {num} images, got {array.shape}"
        )
    array = np.broadcast_to(array, (num,))
    return [(each, np.flatnonzero(array == each)) for each in np.unique(array).tolist()]
