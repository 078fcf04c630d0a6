"""Whether the buffer of an algorithm would fit in memory, checked before it is allocated."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import psutil
from gymnasium import spaces

PROPOSALS = "proposals"


def count_bytes(space: spaces.Space[Any]) -> int:
    """Return the size of one observation in SB3's buffers, in bytes."""
    if isinstance(space, spaces.Dict):
        return sum(count_bytes(entry) for entry in space.values())
    dtype = np.dtype(space.dtype or np.float32)
    return dtype.itemsize * math.prod(space.shape or (1,))  # a Discrete is one number


def check_fits(num: int, space: spaces.Space[Any], copies: int = 1) -> None:
    """Raise unless a buffer of observations fits in the memory of this machine.

    Args:
        num: Number of transitions.
        space: Space of one observation.
        copies: Observations in each transition: 2 if the next one is stored as well.

    Raises:
        MemoryError: With the estimate and a remedy.
    """
    needed, available = num * copies * count_bytes(space), psutil.virtual_memory().total  # bytes
    if needed <= available:
        return
    remedy = "make it smaller"
    if isinstance(space, spaces.Dict) and PROPOSALS in space.keys():
        share = count_bytes(space[PROPOSALS]) / count_bytes(space)
        remedy = (
            f'{share:.0%} of it are proposals: make the environment with obs_mode="compact", or, '
            "for an algorithm with a replay buffer, pass replay_buffer_class=GoalReplayBuffer, "
            "which recomputes them when it samples"
        )
    raise MemoryError(
        f"storing {num:,} transitions takes {needed / 1e9:.1f} GB, and this machine has "
        f"{available / 1e9:.1f}; {remedy}"
    )


def read_peak() -> int:
    """Return the peak memory of this process so far, in bytes; 0 if unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return getattr(psutil.Process().memory_info(), "peak_wset", 0)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, else KiB
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
