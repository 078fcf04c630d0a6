"""Checks of options; turns mistakes of the user into errors of one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(Exception):
    """A mistake in the options or files of a command; `main` reports it in one sentence."""

    exit_code = 2


class RunsFailed(InputError):
    """Every run of a benchmark has failed."""

    exit_code = 1


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


def check_seed(seed: int) -> None:
    """Raise a ValueError unless torch accepts a seed."""
    if not 0 <= seed < 2**63:
        raise ValueError(f"--seed must be at least 0 and below 2**63, got {seed}")
