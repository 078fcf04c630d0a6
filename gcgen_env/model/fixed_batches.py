"""Batches of one fixed size, in which the rounding of an item does not depend on the others.

A matrix product of a few rows is computed by other instructions than one of many, and differs in
the last digit. In batches of one size every item goes through the same instructions.
"""

from __future__ import annotations

import torch
from torch import Tensor

SIZE = 32
"""Default size of a batch: small, because a single item costs as much as a whole batch."""


def fill(items: Tensor, size: int) -> Tensor:
    """Append zeros to items (N, ...) up to a positive multiple of `size`; the caller drops them."""
    missing = -len(items) % size if len(items) else size
    return torch.cat([items, items.new_zeros(missing, *items.shape[1:])]) if missing else items


def split_fixed(items: Tensor, size: int = SIZE) -> list[Tensor]:
    """Split items (N, ...) into batches of `size`, of which `fill` completes the last one."""
    return list(fill(items, size).split(size))
