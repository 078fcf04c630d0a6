"""Whether something would fit in the memory of this machine, checked before it is allocated."""

from __future__ import annotations

import psutil


def check_memory(needed: int, what: str, remedy: str) -> None:
    """Raise a MemoryError that names the size and a remedy if something cannot fit.

    Args:
        needed: Its size in bytes.
        what: Its name with a verb, such as "8 environments would".
        remedy: What to do instead.
    """
    total = psutil.virtual_memory().total
    if needed > total:
        raise MemoryError(
            f"{what} take {needed / 1e9:,.1f} GB, and this machine has {total / 1e9:,.1f}: {remedy}"
        )
