"""Precision, recall, density and coverage, by the nearest neighbours of features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5
"""k."""
_BLOCK = 500

Features = NDArray[np.float64]


class PRDC(NamedTuple):
    """Four figures; a ball is the neighbourhood of an image up to its k-th nearest neighbour."""

    precision: float
    """Share of drawn images in the ball of a real one."""
    recall: float
    """Share of real images in the ball of a drawn one."""
    density: float
    """Mean number of real balls that hold a drawn image, divided by k; may exceed 1."""
    coverage: float
    """Share of real balls that hold a drawn image."""


def compute_prdc(real: Features, drawn: Features, k: int = NEIGHBOURS) -> PRDC:
    """Compute the four figures of a set of drawn images.

    Precision and recall are those of Kynkaanniemi et al. (2019), density and coverage those of
    Naeem et al. (2020).

    Args:
        real: Features, shape (N, F).
        drawn: Features, shape (M, F).
        k: Neighbours, without the image itself.

    Raises:
        ValueError: If a set has no k-th neighbour.
    """
    if min(len(real), len(drawn)) <= k:
        raise ValueError(f"need more than {k} images of each kind, got {len(real)}, {len(drawn)}")
    ball, drawn_ball = _find_radii(real, k), _find_radii(drawn, k)  # (N,), (M,), squared
    hits = np.zeros(len(drawn), np.int64)  # real balls that hold each drawn image
    is_recalled, is_covered = [], []
    for rows, squared in _iterate(real, drawn):
        hits += (inside := squared < ball[rows, None]).sum(0)
        is_covered.append(inside.any(1))
        is_recalled.append((squared < drawn_ball).any(1))
    return PRDC(
        float((hits > 0).mean()),
        float(np.concatenate(is_recalled).mean()),
        float(hits.mean() / k),
        float(np.concatenate(is_covered).mean()),
    )


def _find_radii(points: Features, k: int) -> Features:
    """Return the squared distance of each point (N, F) to its k-th neighbour, shape (N,)."""
    parts = [np.partition(squared, k, axis=1)[:, k] for _, squared in _iterate(points, points)]
    return np.concatenate(parts)  # entry 0 of the sorted distances is the point itself


def _iterate(one: Features, other: Features) -> Iterator[tuple[slice, Features]]:
    """Yield slices of the first points (N, F), and their squared distances to the other (M, F)."""
    centre = one.mean(0)  # smaller numbers lose fewer digits
    one, other = one - centre, other - centre
    norm = np.square(other).sum(1)  # (M,)
    for start in range(0, len(one), _BLOCK):
        rows = slice(start, start + _BLOCK)
        part = one[rows]
        squared = np.square(part).sum(1)[:, None] + norm - 2 * part @ other.T
        yield rows, np.maximum(squared, 0, out=squared)
