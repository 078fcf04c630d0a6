"""Inner products of the proposals of linear heads, without computing the proposals.

With y[a] = z W[a] + b[a] = z' V[a], where z' is z and a 1, and V[a] is W[a] and the row b[a]:

    <r, y[a]>       = sum_kp z'_k r_p V[a]_kp
    sum_i w y[a]^2  = sum_kl z'_k z'_l G[a]_kl      with G[a] = V[a] diag(w) V[a]^T

Both are one product of matrices for all states and all a. G[a] has K + 1 rows instead of P.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MOST_STATES = 256
"""Number of states whose (K + 1) P products are in memory at once."""


class ProductTables(NamedTuple):
    """V and G of all proposals, with a as the last axis."""

    rows: Tensor
    """V, shape ((K + 1) P, A)."""
    gram: Tensor
    """G, shape ((K + 1)^2, A)."""

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, w: Tensor) -> ProductTables:
        """Return the tables of W (A, K, P), b (A, P) and w (P,)."""
        rows = torch.cat([weight, bias.unsqueeze(1)], dim=1)  # V, (A, K + 1, P)
        gram = torch.bmm(rows * w, rows.transpose(1, 2))  # G, (A, K + 1, K + 1)
        return cls(rows.flatten(1).T.contiguous(), gram.flatten(1).T.contiguous())

    def multiply(self, z: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
        """Return <r, y[a]> and sum_i w y[a]^2, both (B, A), of z (B, K) and r (B, P)."""
        full = torch.cat([z, z.new_ones(len(z), 1)], dim=1)  # z', (B, K + 1)
        pairs = zip(full.split(MOST_STATES), r.split(MOST_STATES), strict=True)
        first = [_outer(x, y) @ self.rows for x, y in pairs]
        return torch.cat(first), _outer(full, full) @ self.gram


def _outer(x: Tensor, y: Tensor) -> Tensor:
    """Return the products of all values of (B, N) with all of (B, M), shape (B, N M)."""
    return (x.unsqueeze(2) * y.unsqueeze(1)).flatten(1)
