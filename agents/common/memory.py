"""Whether what an algorithm would store fits in memory, asked before it is stored."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import psutil
from gymnasium import spaces

PROPOSALS = "proposals"


def count_bytes(space: spaces.Space[Any]) -> int:
    """Return what one observation takes as SB3's buffers store it."""
    if isinstance(space, spaces.Dict):
        return sum(count_bytes(entry) for entry in space.values())
    dtype = np.dtype(space.dtype or np.float32)
    return dtype.itemsize * math.prod(space.shape or (1,))


def check_fits(num: int, space: spaces.Space[Any], copies: int = 1) -> None:
    """Raise unless a buffer of observations fits in the memory of this machine.

    Args:
        num: Transitions.
        space: Of one observation.
        copies: Observations of each: 2 where the next one is stored, too.

    Raises:
        MemoryError: With the estimate and a remedy.
    """
    needed, there = num * copies * count_bytes(space), psutil.virtual_memory().total
    if needed <= there:
        return
    remedy = "make it smaller"
    if isinstance(space, spaces.Dict) and PROPOSALS in space.keys():
        share = count_bytes(space[PROPOSALS]) / count_bytes(space)
        remedy = (
            f'{share:.0%} of it is proposals: make the environment with obs_mode="compact", or, '
            "for an algorithm with a replay buffer, pass replay_buffer_class=GoalReplayBuffer, "
            "which makes them again when it samples"
        )
    raise MemoryError(
        f"storing {num:,} transitions takes {needed / 1e9:.1f} GB, and this machine has "
        f"{there / 1e9:.1f}; {remedy}"
    )


def read_peak() -> int:
    """Return the largest memory that this process has had so far, in bytes; 0 if unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return getattr(psutil.Process().memory_info(), "peak_wset", 0)
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
