"""Timing on a noisy machine: in turns, in one run, medians of ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Timings:
    """Seconds of several functions that were called in turns."""

    rounds: Mapping[str, tuple[float, ...]]
    """Seconds of each function, one entry for each round."""

    def seconds(self, name: str) -> float:
        """Return the median duration of a function."""
        return statistics.median(self.rounds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """Return how many times longer `slow` took: the median over rounds of the quotient.

        Both functions of a round met the same disturbances, so that the quotient is steadier
        than either duration.
        """
        pairs = zip(self.rounds[slow], self.rounds[fast], strict=True)
        return statistics.median(a / b for a, b in pairs)


class Stopwatch:
    """Adds up the seconds spent in functions."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.seconds = 0.0

    def time(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = function(*args, **kwargs)
            self.seconds += time.perf_counter() - start
            return result

        return timed


def time_in_turns(
    functions: Mapping[str, Callable[[], Any]], rounds: int, warm_up: int = 2
) -> Timings:
    """Call each function once a round, and note how long it took.

    Args:
        functions: What to call, by name.
        rounds: How often.
        warm_up: Rounds before these that are not counted.
    """
    durations: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(warm_up + rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            durations[name].append(time.perf_counter() - start)
    return Timings({name: tuple(times[warm_up:]) for name, times in durations.items()})
