"""Splits a batch into equal parts, which bounds their size in memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from torch import Tensor


def iterate_parts(num_bytes: int, most_bytes: int, *tables: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield equal parts of tables (B, ...), as few as do not exceed a size.

    Args:
        num_bytes: Size of the whole batch.
        most_bytes: Largest size of a part.
        *tables: Tensors whose first axis is split.
    """
    if num_bytes <= most_bytes:
        yield tables  # the usual case, without slicing
        return
    for part in split_batch(len(tables[0]), num_bytes, most_bytes):
        yield tuple(table[part] for table in tables)


def split_batch(num: int, num_bytes: int, most_bytes: int) -> list[slice]:
    """Split a batch of `num` evenly into as few slices as do not exceed a size."""
    parts = max(math.ceil(num_bytes / most_bytes), 1)  # possibly more than num
    bounds = [num * i // parts for i in range(parts + 1)]  # sizes differ by at most 1
    return [slice(*pair) for pair in itertools.pairwise(bounds) if pair[0] < pair[1]]
