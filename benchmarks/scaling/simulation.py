"""Simulates updates of many processes: the slowest decides, and machines fail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.scaling.cost import Network, UpdateCost

YEAR = 365 * 24 * 3600.0


@dataclass(frozen=True)
class Conditions:
    """What disturbs the processes. These numbers are assumed, not measured."""

    spread: float = 0.05
    """Standard deviation of the logarithm of a process's time for its part of an update."""
    failures: float = 1.0 / YEAR
    """Failures of one machine in a second: one in a year."""
    cores: int = 16
    """Processes of one machine, each with a core."""
    checkpoint: float = 60.0
    """Seconds between two checkpoints; half of them are lost at a failure."""
    restart: float = 30.0
    """Seconds until all processes train again after a failure."""


def simulate(
    cost: UpdateCost,
    network: Network,
    batch: int,
    size: int,
    updates: int = 1000,
    conditions: Conditions | None = None,
    seed: int = 0,
) -> float:
    """Return the seconds of an update, mean over many and over failures.

    Args:
        cost: The constants of an update.
        network: The network between machines.
        batch: B, rows of the whole batch.
        size: N, the number of processes.
        updates: Number of updates to draw.
        conditions: What disturbs them.
        seed: Seed of the draws.
    """
    conditions = conditions or Conditions()
    rng = np.random.default_rng(seed)
    own = cost.compute(batch, size)
    slowest = [
        own * np.exp(conditions.spread * rng.standard_normal(size).max()) for _ in range(updates)
    ]
    seconds = float(np.mean(slowest)) + network.all_reduce(cost.num_bytes, size)
    machines = -(-size // conditions.cores)
    lost = conditions.checkpoint / 2 + conditions.restart  # of each failure
    return seconds / max(1.0 - machines * conditions.failures * lost, 1e-9)
