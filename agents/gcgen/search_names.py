"""The names of the searches and how far they look; they are read without importing torch."""

from __future__ import annotations

from typing import Literal, get_args

from gcgen_env.config import check_count

Search = Literal["none", "two_step", "three_step", "beam"]
"""Names of the searches; "none" is the GC-agent alone."""
STEPS = {"two_step": 1, "three_step": 2}
"""Number of decisions after a proposal that a search by soft values enumerates."""


def check_search(search: str, width: int) -> None:
    """Raise a ValueError unless a search of this name and width exists."""
    if search not in get_args(Search):
        known = ", ".join(get_args(Search))
        raise ValueError(f"search must be one of {known}; got {search!r}")
    check_count("width", width, 1, "a search keeps a path")
