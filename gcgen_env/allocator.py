"""Memory that is freed and wanted again: glibc should keep it rather than give it back.

By default glibc returns large blocks to the kernel as soon as they are freed. Every step of
a batch then gets new pages, which the kernel has to fault in and clear, and that costs more
than the arithmetic done in them: a training update takes a third longer (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_* of <malloc.h>
_KEPT = 1 << 30
"""Free bytes at the top of the heap above which glibc gives memory back."""
_LARGEST_BLOCK = 32 << 20
"""The largest threshold glibc accepts; larger blocks always come straight from the kernel."""


@functools.cache
def keep_freed_memory() -> bool:
    """Ask glibc to keep up to 1 GiB of freed memory in this process for the next allocations.

    It holds for the whole process, is done once, and does nothing without glibc, or where the
    environment sets glibc's own `MALLOC_TRIM_THRESHOLD_` or `MALLOC_MMAP_THRESHOLD_`.

    Returns:
        Whether it was done.
    """
    chosen = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"}
    if platform.libc_ver()[0] != "glibc" or chosen & set(os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = {_TRIM_THRESHOLD: _KEPT, _MMAP_THRESHOLD: _LARGEST_BLOCK}
    return all(mallopt(name, value) == 1 for name, value in settings.items())
