"""What a benchmark measures on each id: keywords, thresholds, the search for the best known codes.

A track says what an algorithm is shown and how it is rewarded. Results of different tracks are
never ranked together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gcgen_env.tasks import SUITE

EPISODES = 256
"""Number of episodes of an evaluation, on test images."""
SEED = 12345
"""Seed of the goals of every evaluation."""

TRACKS: dict[str, dict[str, Any]] = {
    "previews": {"obs_mode": "pixels"},
    "compact": {"obs_mode": "compact"},
    "sparse": {"obs_mode": "compact", "reward_type": "sparse"},
}
"""Keywords of the environments of each track: with the images of all next states, without them,
and without them and with a reward for success alone."""


@dataclass(frozen=True)
class Task:
    """How an id is evaluated."""

    thresholds: tuple[float, ...]
    """Largest distances that count as successes, in image units."""
    width: int
    """Width of the beam search for the best known codes."""
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    """Keywords of the environments in all tracks."""


_PRUNED = {"nucleus": 0.9, "invalid_action": "best_prior"}
"""On the generative tasks the least probable tenth of the prior is masked."""

TASKS: dict[str, Task] = {
    "GCGen-Toy2D-v0": Task((0.02, 0.05, 0.1), 512, _PRUNED),
    "GCGen-Digits-v0": Task((0.25, 0.3, 0.35), 256, _PRUNED),
    "GCGen-MNIST-v0": Task((0.15, 0.2, 0.25), 16, _PRUNED),
    "GCGen-PlaneReach-v0": Task((0.02, 0.05, 0.1), 4**7),  # enumerates all codes
    "GCGen-PlaneFineToCoarse-v0": Task((0.02, 0.1, 0.2), 4**7),
    "GCGen-DigitsAtoms16-v0": Task((0.15, 0.2, 0.25), 2048),
    "GCGen-DigitsAtoms64-v0": Task((0.1, 0.15, 0.2), 1024),
    "GCGen-DigitsLogits64-v0": Task((0.15, 0.2, 0.25), 1024),
    "GCGen-DigitsOnce-v0": Task((0.15, 0.2, 0.25), 2048),
    "GCGen-Toggles-v0": Task((0.1, 0.2, 0.3), 2048),
    "GCGen-MNISTAtoms-v0": Task((0.15, 0.2, 0.25), 64),
}
"""Tasks by id."""

SUITE_IDS = tuple(SUITE)
"""The ids that tell algorithms apart."""


def find_task(env: str) -> Task:
    """Return the task of an id, or raise a ValueError that lists the ids."""
    if env not in TASKS:
        raise ValueError(
            f"{env!r} is not a task of the benchmark: expected one of {', '.join(TASKS)}"
        )
    return TASKS[env]
