"""Every valid proposal with the same probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines.base import Baseline


class RandomAgent(Baseline):
    """Draws uniformly among the valid proposals, deterministic or not."""

    def compute_logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return zeros, shape (N, A)."""
        return np.zeros(observation["action_mask"].shape)

    def predict(
        self,
        observation: Mapping[str, NDArray[Any]],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.int64], Any]:
        """Draw valid proposals; with `deterministic` too, as no proposal is more probable."""
        return super().predict(observation, state, episode_start, deterministic=False)
