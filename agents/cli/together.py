"""Several processes share the work of one command: the first one alone writes and prints."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from agents.cli.checks import InputError, reading_input

if TYPE_CHECKING:
    from agents.distributed.ranks import Alone

_FAREWELL = 5.0
"""Seconds in which the first process says what is wrong, before another one ends."""


@contextmanager
def sharing_work(processes: int) -> Iterator[Alone]:
    """Join the other processes of this command, if there are any.

    Args:
        processes: Number that the command line asks for.

    Yields:
        The processes: `take_turns` divides batches, and `is_first` says whether this process
        writes files. The others print nothing.
    """
    from agents.distributed.joining import find_place, join
    from agents.distributed.ranks import ALONE, RanksLost

    with reading_input():
        place = find_place()
        if place is not None and processes not in (1, place.size):
            raise ValueError(f"--processes {processes} and {place.size} of torchrun: name one")
    if place is None:
        yield ALONE
        return
    with ExitStack() as stack:
        if place.rank:  # all processes would print the same
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        try:
            with reading_input():
                ranks = join("cpu", {"command line": sys.argv[1:]}).ranks  # results are small
            yield ranks  # the command runs here
        except RanksLost as error:
            raise InputError(str(error)) from error
        except InputError:
            time.sleep(_FAREWELL if place.rank else 0)
            raise
