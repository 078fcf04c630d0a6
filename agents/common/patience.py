"""Writing that may fail without ending a training: a full disk may have room again later."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO


class PatientWriter:
    """A function that writes, and whose failures become one warning until it succeeds again."""

    def __init__(
        self,
        write: Callable[[], object],
        what: str,
        then: str = "training goes on, and tries again",
    ) -> None:
        """Create the writer; the warning says what cannot be written, and what happens then."""
        self.write = write
        self.what = what
        self.then = then
        self.is_failing = False

    def __call__(self) -> bool:
        """Write; return whether that succeeded."""
        try:
            self.write()
        except OSError as error:
            if not self.is_failing:
                warnings.warn(
                    f"no {self.what} for now: {error}; {self.then}",
                    RuntimeWarning,
                    stacklevel=2,
                )
            self.is_failing = True
            return False
        self.is_failing = False
        return True


class PatientStream:
    """A text stream whose failures are ignored: what it shows is not worth a training."""

    def __init__(self, stream: TextIO) -> None:
        """Store the stream."""
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text if that is possible."""
        with contextlib.suppress(OSError, ValueError):  # full, or closed
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the stream."""
        return getattr(self.stream, name)


@contextlib.contextmanager
def silent_writer_threads() -> Iterator[None]:
    """Keep the tracebacks of TensorBoard's writer thread from the screen.

    The thread of a full disk ends with an OSError, which its next caller receives anyway.
    """
    shown = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        is_tensorboard = type(args.thread).__module__.startswith("tensorboard.")
        if not (is_tensorboard and isinstance(args.exc_value, OSError)):
            shown(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = shown
