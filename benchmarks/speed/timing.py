"""Timing on a noisy machine: functions run alternately, and medians of ratios are reported."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Timings:
    """Durations of several functions that were called alternately."""

    rounds: Mapping[str, tuple[float, ...]]
    """Seconds that each function took, one entry a round."""

    def seconds(self, name: str) -> float:
        """Return the median duration of a function."""
        return statistics.median(self.rounds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """Return the median over rounds of the duration of `slow` over that of `fast`.

        Background load slows both functions of a round alike, so that their ratio varies less
        than either duration.
        """
        pairs = zip(self.rounds[slow], self.rounds[fast], strict=True)
        return statistics.median(a / b for a, b in pairs)


def time_in_turns(
    functions: Mapping[str, Callable[[], Any]],
    rounds: int,
    warm_up: int = 2,
    clock: Callable[[], float] = time.perf_counter,
) -> Timings:
    """Call every function once a round and measure how long it takes.

    Args:
        functions: The functions by name.
        rounds: Number of rounds.
        warm_up: Rounds before these whose durations are dropped.
        clock: Returns the time in seconds; `time.process_time` measures CPU time.
    """
    durations: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(warm_up + rounds):
        for name, function in functions.items():
            start = clock()
            function()
            durations[name].append(clock() - start)
    return Timings({name: tuple(times[warm_up:]) for name, times in durations.items()})
