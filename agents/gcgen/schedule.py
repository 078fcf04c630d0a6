"""How far a training is: the share of its timesteps or of its time, in [0, 1]."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A stretch of timesteps, on which the progress of a training grows to 1.

    It is part of a checkpoint: the progress depends on where the stretch began, not on where the
    training was resumed, so that a resumed training has the same learning rates bit for bit.
    """

    first: int
    """Timesteps at the beginning."""
    total: int
    """Timesteps at the end."""
    begun: float = 0.0
    """Progress at the beginning, in [0, 1)."""

    def __post_init__(self) -> None:
        """Check the values, which may come from a file."""
        if not (0 <= self.first < self.total and 0 <= self.begun < 1):
            raise ValueError(f"invalid schedule {self}")

    def progress(self, num_timesteps: int) -> float:
        """Return the progress after a number of timesteps; 1 or more at the end."""
        done = (num_timesteps - self.first) / (self.total - self.first)
        return self.begun + (1.0 - self.begun) * done


class Clock:
    """The progress of a training whose time is limited; it starts when it is created."""

    def __init__(
        self,
        max_minutes: float | None,
        begun: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            max_minutes: The limit; None stands for no limit.
            begun: Progress at the start, in [0, 1).
            now: Returns the time in seconds; `time.process_time` counts the processor's time, which
                does not depend on what else the machine does.
        """
        self.max_minutes = max_minutes
        self.begun = begun
        self.now = now
        self.start = now()

    def progress(self) -> float:
        """Return the progress of now; 1 or more when the time is over."""
        if self.max_minutes is None:
            return 0.0
        done = (self.now() - self.start) / (60 * self.max_minutes)
        return self.begun + (1.0 - self.begun) * done
