"""Sample uniformly from the valid proposals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines.base import Baseline


class RandomAgent(Baseline):
    """Samples uniformly from the valid proposals, deterministic or not."""

    deterministic = False

    def compute_logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return zeros, shape (N, A)."""
        return np.zeros(observation["action_mask"].shape)
