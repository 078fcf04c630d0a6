"""Checks of options that several commands have."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path


def check_at_least(name: str, value: float | None, least: float) -> None:
    """Raise a ValueError unless a number is at least `least`; None passes."""
    if value is not None and not value >= least:
        raise ValueError(f"--{name} must be at least {least:g}, got {value}")


def check_suffix(path: Path, suffixes: Collection[str]) -> None:
    """Raise a ValueError unless a file's name ends as it should."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"--out must end in {', '.join(sorted(suffixes))}; got {path}")
