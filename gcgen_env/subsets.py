"""Some of N episodes, or all of them: by index, or as a slice that copies nothing."""

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


def to_subset(mask: NDArray[np.bool_]) -> Subset:
    """Return the indices where a mask (N,) is True."""
    return ALL if mask.all() else np.flatnonzero(mask)
