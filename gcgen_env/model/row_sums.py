"""Sums over the values of images in float64 NumPy, equal for any size of the batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FACTORS_FLOAT64 = 16  # clipped means in one product: at least 1e-80, full precision in float64


def compute_difference(image: NDArray[Any], goal: NDArray[Any]) -> NDArray[np.float64]:
    """Return g - m as rows (B, D) of float64, which holds it exactly for Bernoulli means."""
    return _flatten_rows(np.subtract(goal, image, dtype=np.float64))  # callers overwrite it


def _flatten_rows(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (B, *S) as contiguous (B, D), so that sums are equal for any batch size."""
    size = math.prod(images.shape[1:])  # not -1: the batch may be empty
    return np.ascontiguousarray(images).reshape(len(images), size)


def sum_rows(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum (B, *S) over S."""
    return np.asarray(_flatten_rows(terms).sum(axis=1))


def sum_log_rows(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum log p over D of clipped probabilities (B, D), one logarithm for several values."""
    n, length = FACTORS_FLOAT64, p.shape[1] // FACTORS_FLOAT64  # length: number of products
    whole, rest = p[:, : n * length], p[:, n * length :]
    products = np.multiply.reduce(whole.reshape(len(p), n, length), axis=1)  # (B, length)
    total = np.log(products).sum(axis=1)
    return np.asarray(total + np.log(rest).sum(axis=1) if rest.size else total)
