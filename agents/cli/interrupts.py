"""Ctrl-C and SIGTERM: a request to stop while a model trains, an exception otherwise."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
"""Exit code that shells report after Ctrl-C."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """A signal handler that records the first signal; the second one raises KeyboardInterrupt."""

    def __init__(self) -> None:
        """Start without a request."""
        self.is_set = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True


@contextmanager
def handle_signals(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM; the old handlers are restored afterwards.

    Only the main thread of a process receives signals; in any other thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = [signal.signal(number, handler) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, old in zip(_SIGNALS, previous, strict=True):
            signal.signal(number, old)
