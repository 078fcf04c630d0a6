"""Some of N episodes, or all of them: how their entries of a table are read and written."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Subset = NDArray[np.int64] | slice
"""Some of N episodes, by index, or all of them as `ALL`."""
ALL = slice(None)  # recognised by identity, `subset is ALL`
Table = TypeVar(
    "Table", Tensor, NDArray[np.bool_], NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]
)


def take(table: Table, subset: Subset) -> Table:
    """Return some entries of a table; if `subset` is ALL, the table itself, without a copy."""
    return table if subset is ALL else table[subset]


def put(table: Table, subset: Subset, new: Table) -> Table:
    """Return a table with new entries; if `subset` is ALL, `new` itself, without a copy."""
    if subset is ALL:
        return new
    table[subset] = new
    return table


def to_subset(mask: NDArray[np.bool_]) -> Subset:
    """Return the indices where a mask (N,) is True."""
    return ALL if mask.all() else np.flatnonzero(mask)
