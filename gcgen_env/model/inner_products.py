"""Inner products of the proposals of linear heads, without computing the proposals.

With y[a] = z W[a] + b[a] = z' V[a], where z' is z and a 1, and V[a] is W[a] and the row b[a]:

    <r, y[a]>       = z' (V[a] r)
    sum_i w y[a]^2  = z' (V[a] diag(w) V[a]^T) z'^T

The matrices in brackets of the second line have K + 1 rows instead of P, and are the same for all
states.
"""

from __future__ import annotations

import torch
from torch import Tensor


def stack_rows(weight: Tensor, bias: Tensor) -> Tensor:
    """Return V, shape (A, K + 1, P), of W (A, K, P) and b (A, P)."""
    return torch.cat([weight, bias.unsqueeze(1)], dim=1)


def make_gram(rows: Tensor, w: Tensor) -> Tensor:
    """Return V[a] diag(w) V[a]^T of all a, shape (A, K + 1, K + 1); w has shape (P,)."""
    return torch.bmm(rows * w, rows.transpose(1, 2))


def multiply(z: Tensor, r: Tensor, rows: Tensor, gram: Tensor) -> tuple[Tensor, Tensor]:
    """Return <r, y[a]> and sum_i w y[a]^2, both of shape (B, A).

    Args:
        z: Features, shape (B, K).
        r: shape (B, P).
        rows: `stack_rows`.
        gram: `make_gram`.
    """
    num = len(rows)  # A
    full = torch.cat([z, z.new_ones(len(z), 1)], dim=1)  # z', (B, K + 1)
    images = torch.bmm(rows, r.T.expand(num, *r.T.shape))  # V[a] r, (A, K + 1, B)
    turned = torch.bmm(full.expand(num, *full.shape), gram)  # (A, B, K + 1)
    return images.mul_(full.T).sum(1).T, turned.mul_(full).sum(-1).T
