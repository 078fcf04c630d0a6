"""Predicts the time of an update from measured constants, for any number of processes."""

from __future__ import annotations

import math
from dataclasses import dataclass

LINKS = {"25 Gbit/s": 25e9 / 8, "100 Gbit/s": 100e9 / 8}
"""Bytes per second of the networks that are predicted, in each direction."""
LINK_LATENCY = 30e-6
"""Seconds of a message between two machines: assumed, TCP in one data centre."""


@dataclass(frozen=True)
class Network:
    """How long a message takes: latency + bytes / bandwidth."""

    latency: float
    """Seconds."""
    bandwidth: float
    """Bytes per second, in each direction."""

    def all_reduce(self, num_bytes: int, size: int) -> float:
        """Return the seconds of a sum over N processes, as a ring makes it.

        2 (N - 1) messages of S / N bytes, one after the other (Patarasuk and Yuan, 2009).
        """
        messages = 2 * (size - 1)
        return messages * (self.latency + num_bytes / size / self.bandwidth)


@dataclass(frozen=True)
class UpdateCost:
    """Seconds of one core for the parts of an update."""

    fixed: float
    """Of a roll-out and its gradient, whatever the number of rows."""
    row: float
    """More of them for each row that a process computes."""
    optimizer: float
    """Of the optimiser, which every process runs on all weights."""
    draw: float
    """Of drawing goals and noise, for each row of the whole batch."""
    num_bytes: int
    """Bytes of the gradients."""

    def compute(self, batch: int, size: int) -> float:
        """Return the seconds of a process for its part of a batch of B rows."""
        rows = math.ceil(batch / size)
        return self.fixed + self.row * rows + self.optimizer + self.draw * batch

    def update(self, batch: int, size: int, network: Network) -> float:
        """Return the seconds of an update of B rows by N processes."""
        return self.compute(batch, size) + network.all_reduce(self.num_bytes, size)

    def speedup(self, batch: int, size: int, network: Network) -> float:
        """Return how many times faster N processes are than one, with the same batch."""
        return self.update(batch, 1, network) / self.update(batch, size, network)


def fit_line(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Fit y = a + b x with non-negative a by least squares of relative errors; return a and b."""
    weights = [1 / y**2 for _, y in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    cross = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points, strict=True))
    square = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    slope = cross / square
    if mean_y - slope * mean_x < 0:  # through the origin
        slope = sum(w * x * y for w, (x, y) in zip(weights, points, strict=True)) / sum(
            w * x * x for w, (x, _) in zip(weights, points, strict=True)
        )
        return 0.0, slope
    return mean_y - slope * mean_x, slope
