"""Codes of images, as users pass them: checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.model.chain import Chain


def check_codes(codes: Any, chain: Chain) -> NDArray[np.int64]:
    """Return codes as int64, shape (B, h).

    Raises:
        ValueError: If they have another shape, are no integers, or are out of range.
    """
    array, num = np.asarray(codes), chain.num_proposals
    if array.ndim != 2 or array.shape[1] > chain.horizon:
        raise ValueError(
            f"codes must have shape (B, h) with h <= {chain.horizon}, got {array.shape}"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"codes must be integers, got {array.dtype}")
    if array.size and not 0 <= array.min() <= array.max() < num:  # min() fails if empty
        raise ValueError(f"codes must lie in [0, {num}), got {array.min()}..{array.max()}")
    return array.astype(np.int64)
