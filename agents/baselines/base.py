"""The base class of the baselines: SB3's `predict` for agents that score proposals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.common.decision import NEEDS_MASK, check_observation


class Baseline(ABC):
    """Selects among the valid proposals of an observation, single or batched."""

    deterministic: bool | None = None
    """Fixed value of `deterministic` in `predict`; None means that the caller decides."""

    def __init__(self, seed: int | None = None) -> None:
        """Create the agent's random generator from a seed."""
        self._rng = np.random.default_rng(seed)

    @abstractmethod
    def compute_logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the log-probability of every proposal up to a constant.

        Args:
            observation: A batch of N observations.

        Returns:
            Logits, shape (N, A); those of invalid proposals are ignored.
        """

    def predict(
        self,
        observation: Mapping[str, NDArray[Any]],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.int64], Any]:
        """Select valid proposals.

        Args:
            observation: Observation of a GCGen environment, single or batched.
            state: Unused; returned unchanged.
            episode_start: Unused.
            deterministic: Select the largest logit instead of sampling.

        Returns:
            Actions, shape () or (N,), and `state`.

        Raises:
            ValueError: If it is no observation of a GCGen environment.
        """
        check_observation(observation, "action_mask", NEEDS_MASK)
        single = np.ndim(observation["action_mask"]) == 1  # (A,), or (N, A) in a batch
        if single:
            observation = {key: np.asarray(value)[None] for key, value in observation.items()}
        valid = np.asarray(observation["action_mask"]) > 0  # (N, A)
        logits = np.where(valid, self.compute_logits(observation), -np.inf)
        if not (deterministic if self.deterministic is None else self.deterministic):
            # The Gumbel-max trick (Maddison et al., 2014): the argmax is a sample of the softmax.
            logits = logits + self._rng.gumbel(size=logits.shape)
        actions = logits.argmax(axis=1)  # (N,)
        return (actions[0, ...] if single else actions), state  # `...` keeps an array, shape ()
