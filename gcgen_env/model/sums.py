"""Sums over the values of images, on their device."""

from __future__ import annotations

import torch
from torch import Tensor

FACTORS_FLOAT32 = 6  # clipped means in one product: at least 1e-30, full precision in float32


def dot(vector: Tensor, rows: Tensor) -> Tensor:
    """Return the inner products of (B, P) with (B, A, P), shape (B, A)."""
    return torch.bmm(vector.unsqueeze(1), rows.transpose(1, 2)).squeeze(1)


def sum_log(mean: Tensor) -> Tensor:
    """Sum log m of clipped means over the last axis; a product costs a tenth of a logarithm."""
    n, length = FACTORS_FLOAT32, mean.shape[-1] // FACTORS_FLOAT32
    whole, rest = mean[..., : n * length], mean[..., n * length :]
    products = whole.unflatten(-1, (n, length)).prod(-2)  # (..., length)
    return products.log().sum(-1) + rest.prod(-1).log()  # an empty product is 1
