"""A lock on a folder: one process writes it at a time, and others are told which one."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from agents.common.provenance import find_command
from gcgen_env.atomic_files import read_json, remove_temporaries, write_json


class WriterLock:
    """A context in which this process is the only writer of a folder.

    The operating system releases the lock when the process ends, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        """Name the files of the lock; the folder exists."""
        self.folder = folder
        self._lock = FileLock(folder / ".lock")
        self._holder = folder / ".lock.json"  # beside the lock: waiting processes may empty that

    def __enter__(self) -> None:
        """Take the lock.

        Raises:
            BlockingIOError: If another process has it.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise BlockingIOError(
                f"{self.folder} is being written by {self._describe_holder()}: wait for its end, "
                "or choose another folder"
            ) from error
        remove_temporaries([self._holder])  # of a process that was killed
        holder = {
            "process": os.getpid(),
            "host": platform.node(),
            "command": find_command(),
            "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        }
        with suppress(OSError):  # a full disk: others will be told less
            write_json(self._holder, holder)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the lock."""
        with suppress(OSError):
            self._holder.unlink()
        self._lock.release()

    def _describe_holder(self) -> str:
        """Return who has the lock."""
        with suppress(OSError, ValueError, LookupError):
            holder = read_json(self._holder)
            return "process {process} on {host} since {since} ({command})".format(**holder)
        return "another process"
