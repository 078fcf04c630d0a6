"""A setting of glibc's memory allocator that makes training faster."""

from __future__ import annotations

import ctypes
import functools
import os
import platform

SWITCH = "GCGEN_KEEP_MEMORY"
"""Environment variable; with the value "0" `keep_freed_memory` does nothing."""

_GLIBC_SETTINGS = {  # the user's own choices, which stay in force
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_MMAP_MAX_",
    "GLIBC_TUNABLES",
}
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # M_* of <malloc.h>
_MAX_FREE_BYTES = 1 << 30  # 1 GiB


@functools.cache
def keep_freed_memory() -> bool:
    """Let glibc keep up to 1 GiB of freed memory in this process for later allocations.

    By default glibc returns large blocks to the kernel as soon as they are freed. Each step of a
    batch then allocates new pages, which the kernel must clear: a training update takes a third
    longer (docs/performance.md). So it pays to call this function once before training, or
    before stepping large batches of environments. `GCGen.learn` and the `gcgen` command call it;
    the environments do not.

    The setting holds for the whole process. Nothing is changed without glibc, if
    `GCGEN_KEEP_MEMORY=0` is set in the environment, or if one of glibc's own variables is
    (`MALLOC_TRIM_THRESHOLD_`, `MALLOC_MMAP_THRESHOLD_`, `MALLOC_MMAP_MAX_`, `GLIBC_TUNABLES`).

    Returns:
        Whether glibc accepted the setting.
    """
    if os.environ.get(SWITCH) == "0" or not _GLIBC_SETTINGS.isdisjoint(os.environ):
        return False
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt  # None: the symbols of this process
    # Without memory-mapped blocks, which glibc always returns, all blocks come from the heap.
    settings = {_TRIM_THRESHOLD: _MAX_FREE_BYTES, _MMAP_MAX: 0}
    return all(mallopt(name, value) == 1 for name, value in settings.items())  # 1: accepted
