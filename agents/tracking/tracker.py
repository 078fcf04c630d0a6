"""The base class of trackers: a callback that sends the log of a training, and never ends it."""

from __future__ import annotations

import atexit
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback

from agents.tracking.output import Numbers, Pictures, TrackerOutput

Status = Literal["finished", "killed", "failed"]
"""How a run ends."""
SHORTEST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0
"""Seconds without a new try after a failure; they double until one succeeds."""
_COUNTERS = ("num_timesteps", "start_time", "verbose")  # no settings


class Tracker(BaseCallback, ABC):
    """Sends rows of SB3's logger, settings and pictures to a tracking service.

    As a callback it opens a run when a training starts, and ends it with the training. Within
    `with tracker:` the run stays open, so that pictures can follow, and several trainings share it.
    A tracker that is used again continues its run.

    A failure of the service, of the network or of the disk is a warning. Rows of that time are
    missing, and the training goes on.
    """

    name: ClassVar[str]
    """Name of the library, also for `exclude=` of SB3's logger."""

    def __init__(self, config: Mapping[str, Any] | None = None, run_id: str | None = None) -> None:
        """Create the tracker; nothing is sent yet.

        Args:
            config: JSON values to store with the run; by default the settings of the algorithm.
            run_id: The run to continue; None for a new one.

        Raises:
            ImportError: If the library is not installed.
        """
        super().__init__()
        self.library: Any = load_library(self.name)
        self.config = config
        self.run_id = run_id
        self.is_open = False
        self._is_described = False
        self._keeps_open = False
        self._is_failing = False
        self._pause, self._paused_until = SHORTEST_PAUSE, 0.0

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the run is: an address, a folder, or a command that shows it."""

    @abstractmethod
    def _begin(self) -> str:
        """Create the run, or continue that with `run_id`; return its id."""

    @abstractmethod
    def _send_config(self, config: Mapping[str, Any]) -> None:
        """Send settings; a run that goes on may have sent others."""

    @abstractmethod
    def _send(self, numbers: Numbers, step: int) -> None:
        """Send numbers that belong to a number of timesteps."""

    @abstractmethod
    def _send_picture(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Send an image, shape (height, width, 3) or (height, width)."""

    @abstractmethod
    def _end(self, status: Status) -> None:
        """End the run."""

    def open(self) -> bool:
        """Open the run if it is not open; return whether it is open now."""
        return self._attempt(lambda: None)

    def log(self, numbers: Mapping[str, float], step: int) -> bool:
        """Send numbers; return whether that succeeded.

        Args:
            numbers: Name to value.
            step: Number of timesteps that they belong to.
        """
        return self._attempt(lambda: self._send(dict(numbers), step))

    def log_picture(self, name: str, pixels: NDArray[np.uint8], step: int) -> bool:
        """Send a picture; return whether that succeeded.

        Args:
            name: Name of the picture.
            pixels: Bytes, shape (height, width, 3), as `gcgen_env.viewer` draws them.
            step: Number of timesteps that it belongs to.
        """
        return self._attempt(lambda: self._send_picture(name, pixels, step))

    def finish(self, status: Status = "finished") -> None:
        """End the run if it is open."""
        if self.is_open:
            self._paused_until = 0.0  # the last chance
            self._attempt(lambda: self._end(status))
            self.is_open = False
            atexit.unregister(self._finish_at_exit)

    def __enter__(self) -> Self:
        """Open the run, and keep it open until the end of the context."""
        self._keeps_open = True
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the run, and say how."""
        self._keeps_open = False
        stopped: Status = "killed" if kind is KeyboardInterrupt else "failed"
        self.finish("finished" if kind is None else stopped)

    def _on_training_start(self) -> None:
        """Open the run, and add the output to the logger of the algorithm."""
        if self.config is None:
            self.config = describe_algorithm(self.model)
            self._is_described = False
        self.open()
        outputs = self.logger.output_formats
        if not any(getattr(output, "send", None) == self._send_row for output in outputs):
            outputs.append(TrackerOutput(self.name, self._send_row))

    def _on_step(self) -> bool:
        """Continue the training."""
        return True

    def _on_training_end(self) -> None:
        """End the run, unless a `with` statement keeps it open."""
        outputs = self.logger.output_formats
        outputs[:] = [o for o in outputs if getattr(o, "send", None) != self._send_row]
        if not self._keeps_open:
            self.finish()

    def _send_row(self, numbers: Numbers, pictures: Pictures, step: int) -> None:
        """Send a row of the log."""
        self.log(numbers, step)
        for name, pixels in pictures.items():
            self.log_picture(name, pixels, step)

    def _attempt(self, action: Callable[[], object]) -> bool:
        """Do something with the open run; return whether that succeeded."""
        if time.monotonic() < self._paused_until:
            return False
        try:
            if not self.is_open:
                self.run_id = self._begin()
                self.is_open, self._is_described = True, False
                atexit.register(self._finish_at_exit)  # a training that raises has no end
            if not self._is_described:
                self._send_config(self.config or {})
                self._is_described = True
            action()
        except Exception as error:  # of any class: libraries of services raise many
            self._note_failure(error)
            return False
        self._is_failing, self._pause = False, SHORTEST_PAUSE
        return True

    def _note_failure(self, error: Exception) -> None:
        """Warn once until something succeeds, and make a pause, which doubles each time."""
        if not self._is_failing:
            reason = (" ".join(str(error).split()) or type(error).__name__)[:300]
            warnings.warn(
                f"{self.name} has failed: {reason}; training goes on, and tries again later",
                RuntimeWarning,
                stacklevel=2,
            )
        self._is_failing = True
        self._paused_until = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)  # a service that is down is left alone

    def _finish_at_exit(self) -> None:
        """End the run with the process."""
        self.finish("failed")


def load_library(name: str) -> Any:
    """Import the library of a tracker.

    Raises:
        ImportError: If it is not installed, in one sentence.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"tracking with {name} needs the library {error.name or name}: "
            f"pip install 'gcgen[{name}]'",
            name=error.name,
        ) from error


def describe_algorithm(model: Any) -> dict[str, Any]:
    """Return the settings of an algorithm: its class, and its attributes that are plain values."""
    settings = dict(vars(model))
    if is_dataclass(config := getattr(model, "config", None)):  # as `GCGen` has it
        settings |= vars(config)
    plain = {
        name: value
        for name, value in settings.items()
        if isinstance(value, bool | int | float | str)
        and not name.startswith("_")
        and name not in _COUNTERS
    }
    return {"algorithm": type(model).__name__, "policy": type(model.policy).__name__, **plain}
