"""Checks of options; turns mistakes of the user into errors of one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """A mistake in the options or files of a command; `main` reports it in one sentence."""


@contextmanager
def reading_input() -> Iterator[None]:
    """Mark the part of a command that checks its options and loads its files.

    A ValueError or TypeError in this part becomes an `InputError`. In any other part it is a bug
    and keeps its traceback.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        raise InputError(str(error)) from error


def check_at_least(least: float, **options: float | None) -> None:
    """Raise a ValueError that names the first option below `least`; None is accepted."""
    for name, value in options.items():
        if value is not None and not value >= least:  # NaN fails, too
            option = name.replace("_", "-")
            raise ValueError(f"--{option} must be at least {least:g}, got {value}")


def check_suffix(path: Path, suffixes: Collection[str]) -> None:
    """Raise a ValueError unless the name of the output file ends in one of the suffixes."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"--out must end in {', '.join(sorted(suffixes))}; got {path}")
