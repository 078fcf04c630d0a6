"""Several processes share the work of one command: the first one alone writes and prints."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.cli.checks import InputError, reading_input

if TYPE_CHECKING:
    from agents.distributed.joining import Place
    from agents.distributed.meeting import Meeting
    from agents.distributed.ranks import Alone

_FAREWELL = 5.0
"""Seconds in which the first process says what is wrong, before another one ends."""


@dataclass(frozen=True)
class Team:
    """The processes that share a command, as one of them sees them."""

    ranks: Alone
    """`take_turns` divides batches; `is_first` says whether this process writes files."""
    place: Place | None = None
    """The place of this process; None if it is alone."""
    meeting: Meeting | None = None
    """Where they compare what they have; None if this process is alone."""

    def choose_device(self, name: str) -> str:
        """Return the device of this process: a GPU of its own, as far as there are enough."""
        from agents.distributed.joining import choose_device

        return name if self.place is None else choose_device(name, self.place)

    @contextmanager
    def reading_input(self) -> Iterator[dict[str, Any]]:
        """Check the options and load the files of a command, as `checks.reading_input` does.

        Yields:
            A note to fill in with what must be alike in all processes, such as the hash of a file.

        Raises:
            InputError: If this process finds a mistake, or another one does, or has another note.
        """
        from agents.distributed.meeting import LaunchError

        note: dict[str, Any] = {}
        with reading_input():
            try:
                yield note
            except (OSError, TypeError, ValueError) as error:
                with suppress(LaunchError):  # this process has a mistake of its own to report
                    self._compare(note, str(error))
                raise
            self._compare(note)

    def _compare(self, note: dict[str, Any], error: str = "") -> None:
        """Compare the notes of all processes."""
        if self.meeting is not None:
            self.meeting.compare("input", note, error)


@contextmanager
def sharing_work(processes: int) -> Iterator[Team]:
    """Join the other processes of this command, if there are any.

    Args:
        processes: Number that the command line asks for.

    Yields:
        The processes. All but the first one print nothing.
    """
    from agents.distributed.joining import find_place, join
    from agents.distributed.ranks import ALONE, RanksLost

    with reading_input():
        place = find_place()
        if place is not None and processes not in (1, place.size):
            raise ValueError(f"--processes {processes} and {place.size} of torchrun: name one")
    if place is None:
        yield Team(ALONE)
        return
    with ExitStack() as stack:
        if place.rank:  # all processes would print the same
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        try:
            with reading_input():
                joined = join("cpu", {"command line": sys.argv[1:]})  # results are small
            yield Team(joined.ranks, place, joined.meeting)  # the command runs here
        except RanksLost as error:
            raise InputError(str(error)) from error
        except InputError:
            time.sleep(_FAREWELL if place.rank else 0)
            raise
