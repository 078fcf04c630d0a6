"""Sample from the S-agent's prior, as in generation; the goal is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines.base import Baseline


class PriorAgent(Baseline):
    """Samples from the observed p_S, or selects its most probable proposal if deterministic."""

    def compute_logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return log p_S, shape (N, A)."""
        return np.asarray(observation["log_prior"], dtype=np.float64)  # at least -30, as observed
