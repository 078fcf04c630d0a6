"""Sums over the values of images, equal bit for bit for any number of images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Images = NDArray[Any]
Floats = NDArray[np.float64]

FACTORS_FLOAT32 = 6  # clipped means in one product: at least 1e-30, full precision in float32
FACTORS_FLOAT64 = 16  # clipped means in one product: at least 1e-80, full precision in float64


def compute_difference(image: Images, goal: Images) -> Floats:
    """Return g - m as rows (B, D) of float64, which holds it exactly for Bernoulli means."""
    return _flatten_rows(np.subtract(goal, image, dtype=np.float64))  # callers overwrite it


def _flatten_rows(images: Floats) -> Floats:
    """Return (B, *S) as contiguous (B, D), so that sums are equal for any batch size."""
    size = math.prod(images.shape[1:])  # not -1: the batch may be empty
    return np.ascontiguousarray(images).reshape(len(images), size)


def sum_rows(terms: Floats) -> Floats:
    """Sum (B, *S) over S."""
    return np.asarray(_flatten_rows(terms).sum(axis=1))


def sum_log_rows(p: Floats) -> Floats:
    """Sum log p over D of clipped probabilities (B, D), one logarithm for several values."""
    n, length = FACTORS_FLOAT64, p.shape[1] // FACTORS_FLOAT64  # length: number of products
    whole, rest = p[:, : n * length], p[:, n * length :]
    products = np.multiply.reduce(whole.reshape(len(p), n, length), axis=1)  # (B, length)
    total = np.log(products).sum(axis=1)
    return np.asarray(total + np.log(rest).sum(axis=1) if rest.size else total)


def dot(vector: Tensor, rows: Tensor) -> Tensor:
    """Return the inner products of (B, P) with (B, A, P), shape (B, A)."""
    return torch.bmm(vector.unsqueeze(1), rows.transpose(1, 2)).squeeze(1)


def sum_log(mean: Tensor) -> Tensor:
    """Sum log m of clipped means over the last axis; a product costs a tenth of a logarithm."""
    n, length = FACTORS_FLOAT32, mean.shape[-1] // FACTORS_FLOAT32
    whole, rest = mean[..., : n * length], mean[..., n * length :]
    products = whole.unflatten(-1, (n, length)).prod(-2)  # (..., length)
    return products.log().sum(-1) + rest.prod(-1).log()  # an empty product is 1
