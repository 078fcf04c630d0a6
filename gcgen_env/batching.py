"""Some rows of a batch, or all of them, which need no copies."""

from __future__ import annotations

import itertools
import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Rows = NDArray[np.int64] | slice
"""Some rows of the batch by index, or all of them as `ALL`."""
ALL = slice(None)
Table = TypeVar("Table", Tensor, NDArray[np.float32], NDArray[np.float64], NDArray[np.int64])


def take(table: Table, rows: Rows) -> Table:
    """Return some rows of a table; all of them are the table itself."""
    return table if rows is ALL else table[rows]


def put(table: Table, rows: Rows, new: Table) -> Table:
    """Return a table with new contents in some rows; all of them change hands without a copy."""
    if rows is ALL:
        return new
    table[rows] = new
    return table


def split(num: int, num_bytes: int, block_bytes: int) -> list[slice]:
    """Split `num` rows evenly into as few blocks as do not exceed a size; one block is `ALL`."""
    blocks = math.ceil(num_bytes / block_bytes)
    if blocks <= 1:
        return [ALL]
    bounds = [num * i // blocks for i in range(blocks + 1)]
    return [slice(*pair) for pair in itertools.pairwise(bounds) if pair[0] < pair[1]]
