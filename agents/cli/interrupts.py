"""Ctrl-C and SIGTERM: an exception anywhere, a request to stop while training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
"""What shells report after Ctrl-C."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Notes the first signal; a second one interrupts at once."""

    def __init__(self) -> None:
        """Make one that nobody has asked to stop."""
        self.is_set = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True


@contextmanager
def note_interrupts() -> Iterator[StopRequest]:
    """Note Ctrl-C and SIGTERM instead of raising, to finish what is in hand."""
    request = StopRequest()
    with _handled_by(request):
        yield request


@contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise a KeyboardInterrupt, as Ctrl-C does."""
    with _handled_by(signal.default_int_handler):
        yield


@contextmanager
def _handled_by(handler: object) -> Iterator[None]:
    """Install a handler, and put the old ones back; signals reach the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = [signal.signal(number, handler) for number in _SIGNALS]  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, old in zip(_SIGNALS, previous, strict=True):
            signal.signal(number, old)
