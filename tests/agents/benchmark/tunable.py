"""Agents with a search space that need no training: what they choose follows from a keyword."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np


class Quick:
    """Selects a proposal that follows from `size` and `rate`."""

    search_space: ClassVar = {"rate": (1e-4, 1e-1), "size": [1, 2, 3]}
    num_envs = 4

    def __init__(self, env: Any, seed: int, size: int = 1, rate: float = 1e-3) -> None:
        self.action = int(size + 1e3 * rate) % 4

    def learn(self, total_timesteps: int, report: Any) -> None:
        report(total_timesteps)

    def predict(self, observation: dict, *_: Any, **__: Any) -> tuple[np.ndarray, None]:
        return np.full(len(observation["action_mask"]), self.action), None


class Other(Quick):
    """Another contestant."""
