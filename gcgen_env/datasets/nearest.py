"""Finds the item of a data set that is nearest to each of some others, in bounded memory."""

import math
from typing import NamedTuple

import numpy as np

from gcgen_env.datasets.dataset import Dataset

BLOCK = 2**22
"""Largest number of values, and of distances, in memory at once: 32 MB of float64."""


class Nearest(NamedTuple):
    """The nearest item of a data set to each of N queries."""

    item: np.ndarray
    """Item number, shape (N,), int64; one of them if several are as near."""
    distance: np.ndarray
    """Root of the mean squared difference over the values of an item, shape (N,), float64."""


def find_nearest(queries: np.ndarray, data: Dataset) -> Nearest:
    """Find the items whose values differ least, in the mean square.

    Memory holds one batch of items, however many there are.

    Args:
        queries: Images or points, shape (N, *shape), in the units of the data.
        data: Items of the same shape, such as the training images of a model.

    Raises:
        ValueError: If the shapes differ, or a query is not finite.
    """
    if np.shape(queries)[1:] != data.shape:
        raise ValueError(
            f"expected queries of shape (N, {str(data.shape)[1:]} to compare with {data.name}, "
            f"got {np.shape(queries)}"
        )
    if not np.isfinite(queries).all():
        raise ValueError("expected finite queries, got NaN or infinity")
    values, num = math.prod(data.shape), len(queries)
    flat = np.reshape(queries, (num, values)).astype(np.float64)  # (N, D)
    found = Nearest(np.zeros(num, np.int64), np.full(num, np.inf))
    batch = max(1, BLOCK // max(values, num))
    for first in range(0, len(data), batch):
        items = data.take(np.arange(first, min(first + batch, len(data)))).astype(np.float64)
        _update(found, flat, items.reshape(-1, values), first)
    return found


def _update(found: Nearest, queries: np.ndarray, items: np.ndarray, first: int) -> None:
    """Replace what is farther than the nearest of some items (B, D), in place."""
    centre = items.mean(axis=0)  # smaller numbers lose fewer digits
    items, queries = items - centre, queries - centre
    partial = np.square(items).sum(axis=1) - 2 * queries @ items.T  # (N, B), without |query|^2
    best = partial.argmin(axis=1)  # (N,)
    distance = np.sqrt(np.square(queries - items[best]).mean(axis=1))
    is_nearer = distance < found.distance
    found.item[is_nearer] = first + best[is_nearer]
    found.distance[is_nearer] = distance[is_nearer]
