"""What the baselines share: SB3's `predict` around a score for each valid proposal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Baseline(ABC):
    """Selects among the valid proposals of an observation, single or batched."""

    def __init__(self, seed: int | None = None) -> None:
        """Make the agent's own generator; `seed` reproduces its draws."""
        self._rng = np.random.default_rng(seed)

    @abstractmethod
    def compute_logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the log-probability of every proposal up to a constant.

        Args:
            observation: Batched, N rows.

        Returns:
            Logits, shape (N, A); those of invalid proposals are not read.
        """

    def predict(
        self,
        observation: Mapping[str, NDArray[Any]],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.int64], Any]:
        """Select proposals; invalid ones never.

        Args:
            observation: Of a GCGen environment, single or batched.
            state: Unused, returned as it is.
            episode_start: Unused.
            deterministic: Take the largest logit instead of drawing a proposal.

        Returns:
            Actions, shape () or (N,), and `state`.
        """
        single = np.ndim(observation["action_mask"]) == 1
        if single:
            observation = {key: np.asarray(value)[None] for key, value in observation.items()}
        valid = np.asarray(observation["action_mask"]) > 0
        logits = np.where(valid, self.compute_logits(observation), -np.inf)
        if not deterministic:
            # The Gumbel-max trick (Maddison et al., 2014): the argmax is a draw of the softmax.
            logits = logits + self._rng.gumbel(size=logits.shape)
        actions = logits.argmax(axis=1)
        return (actions[0, ...] if single else actions), state
