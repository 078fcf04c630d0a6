"""How processes compare what they have before they train together: notes in torch's store.

A note is a JSON object. Nothing is pickled, and no collective operation can hang.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from torch.distributed import Store

from gcgen_env.messages import show

PRESENCE = 40.0
"""Seconds in which every process must come, unless an agent watches over them."""
ANSWER = 10.0
"""Seconds in which one that has come must answer."""
PATIENCE = 1800.0
"""Seconds in which every process must load its data, which it may download."""
_FAREWELL = timedelta(seconds=3)
INTERVAL = 0.05
"""Seconds between two looks at the store."""

Note = dict[str, Any]


class LaunchError(ValueError):
    """The processes cannot work together; every process raises the same sentence."""


class PeerLost(LaunchError):
    """Another process has ended while they met: nobody has made a mistake."""


@dataclass(frozen=True)
class Meeting:
    """The store in which the processes leave their notes."""

    store: Store
    """It is shared by all processes."""
    rank: int
    """The number of this process."""
    size: int
    """The number of processes."""
    host: str
    """The name of this machine, for messages."""

    def compare(self, topic: str, note: Note, error: str = "", seconds: float = PATIENCE) -> None:
        """Wait for the notes of all processes, and check that they are alike.

        Args:
            topic: A name that is used once.
            note: What must be alike in all processes.
            error: Why this process cannot take part; empty if it can.
            seconds: How long to wait for the others.

        Raises:
            LaunchError: If a process cannot take part, has another note, or does not come.
        """
        self._write(f"{topic}/{self.rank}", {"host": self.host, "error": error, "note": note})
        if self.rank == 0:
            verdict = self._judge(topic, seconds)
            self._write(f"{topic}/verdict", {"error": verdict})
        else:
            verdict = self._wait(f"{topic}/verdict", seconds + ANSWER)["error"]
        if verdict:
            self._part(topic)
            raise LaunchError(verdict)

    @contextmanager
    def telling(self, topic: str) -> Iterator[Note]:
        """Work for the others, who `hear` of the end: of the note, or of the error.

        Yields:
            The note to fill in.
        """
        note: Note = {}
        try:
            yield note
        except BaseException as error:
            self._write(topic, {"error": str(error) or type(error).__name__})
            if isinstance(error, Exception):  # a signal: the others get one, or are dead
                self._part(topic)
            raise
        self._write(topic, {"error": "", "note": note})

    def hear(self, topic: str) -> Note:
        """Wait for the note of the first process.

        Raises:
            LaunchError: If it cannot go on.
        """
        found = self._wait(topic, PATIENCE)
        if found["error"]:
            self._part(topic)
            raise LaunchError(found["error"])
        return found["note"]

    def _part(self, topic: str) -> None:
        """Say that this process knows of an error; the first one may serve the store, and waits."""
        keys = [f"{topic}/heard/{rank}" for rank in range(self.size)]
        with suppress(RuntimeError):  # it has gone
            self._write(keys[self.rank], True)
            if self.rank == 0:
                self.store.wait(keys, _FAREWELL)

    def _judge(self, topic: str, seconds: float) -> str:
        """Return what is wrong with the notes; empty if nothing is."""
        end, missing = time.monotonic() + seconds, set(range(self.size))
        first: Note = {}
        while missing:
            for rank in sorted(missing):
                if self.store.check([f"{topic}/{rank}"]):
                    found = self._read(f"{topic}/{rank}")
                    first = first or found["note"]  # that of this process
                    if problem := _compare(rank, found, first):
                        return problem
                    missing.remove(rank)
            if missing and time.monotonic() > end:
                ranks = ", ".join(map(str, sorted(missing)))
                return (
                    f"rank {ranks} of {self.size} has not answered within {seconds:.0f} seconds: "
                    "start all processes, or fewer"
                )
            time.sleep(INTERVAL if missing else 0)
        return ""

    def _write(self, key: str, value: Any) -> None:
        """Leave a note."""
        self.store.set(key, json.dumps(value, default=str))

    def _read(self, key: str) -> Any:
        """Read a note that is there."""
        return json.loads(self.store.get(key))

    def _wait(self, key: str, seconds: float) -> Any:
        """Read a note, and wait for it.

        Raises:
            PeerLost: If it does not come.
        """
        end, lost = time.monotonic() + seconds, f"rank {self.rank} has lost the first process"
        try:
            while not self.store.check([key]):  # `Store.wait` would not hear of signals
                if time.monotonic() > end:
                    raise PeerLost(lost)
                time.sleep(INTERVAL)
            return self._read(key)
        except RuntimeError as error:  # its process has ended
            raise PeerLost(lost) from error


def _compare(rank: int, found: Note, first: Note) -> str:
    """Return how the note of a process differs from the first one; empty if it does not."""
    who = f"rank {rank} on {found['host']}"
    if found["error"]:
        return f"{who} cannot take part: {found['error']}"
    for name in sorted({*first, *found["note"]}):
        own, other = first.get(name), found["note"].get(name)
        if own != other:
            return (
                f"{who} has {name} {show(other)}, and rank 0 has {show(own)}: all processes need "
                "the same options, versions and data"
            )
    return ""
