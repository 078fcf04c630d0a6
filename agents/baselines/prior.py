"""The S-agent's choice: what generation does, blind to the goal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines.base import Baseline


class PriorAgent(Baseline):
    """Draws from the p_S of the observation; deterministic takes its most probable proposal."""

    def compute_logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return log p_S, shape (N, A)."""
        return np.asarray(observation["log_prior"], dtype=np.float64)
