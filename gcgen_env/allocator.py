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

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # M_* of <malloc.h>
_OWN_SETTINGS = {
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_MMAP_MAX_",
    "GLIBC_TUNABLES",
}
_KEPT = 1 << 30
"""Free bytes at the top of the heap above which glibc gives memory back."""


@functools.cache
def keep_freed_memory() -> bool:
    """Ask glibc to keep up to 1 GiB of freed memory in this process for the next allocations.

    Blocks of any size then come from the heap: those that glibc maps by themselves always go
    back. It holds for the whole process, is done once, and does nothing without glibc, or
    where the environment sets one of glibc's own variables (`MALLOC_TRIM_THRESHOLD_`, ...).

    Returns:
        Whether it was done.
    """
    if platform.libc_ver()[0] != "glibc" or _OWN_SETTINGS & set(os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = {_TRIM_THRESHOLD: _KEPT, _MMAP_MAX: 0}
    return all(mallopt(name, value) == 1 for name, value in settings.items())
