"""Ctrl-C, SIGTERM and SIGHUP: a request to stop while a model trains, an exception otherwise."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
"""Exit code that shells report after Ctrl-C."""
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # SIGHUP: the terminal is closed; Windows has none


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
def handle_signals(
    handler: Callable[[int, FrameType | None], object] | signal.Handlers,
) -> Iterator[None]:
    """Handle Ctrl-C, SIGTERM and SIGHUP; the old handlers are restored afterwards.

    Only the main thread of a process receives signals; in any other thread nothing changes. A
    SIGHUP that is ignored stays so, as `nohup` wants it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    found = {number: signal.getsignal(number) for number in numbers}
    if found.get(getattr(signal, "SIGHUP", None)) is signal.SIG_IGN:
        del found[signal.SIGHUP]
    previous = {number: old for number, old in found.items() if old is not None}
    try:
        for number in previous:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
