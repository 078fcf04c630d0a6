"""One step of look-ahead: the proposal whose image explains the goal best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines.base import Baseline
from agents.common.proposal_policy import find_likelihood


class GreedyAgent(Baseline):
    """Selects argmax_a Phi(x'_a, g) among the valid proposals, with the environment's Phi."""

    def __init__(self, env: Any, seed: int | None = None) -> None:
        """Read the likelihood that measures the proposals.

        Args:
            env: An environment, a vector environment, or the observation space of one
                environment; with `obs_mode="pixels"`.
            seed: Unused, as nothing is drawn; for the baselines' interface.

        Raises:
            ValueError: If the observations show no proposals.
        """
        super().__init__(seed)
        space = getattr(env, "observation_space", env)
        self.likelihood = find_likelihood(getattr(env, "single_observation_space", space))

    def compute_logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the potential of every proposal, shape (N, A), in nats."""
        proposals, goal = observation["proposals"], observation["desired_goal"]
        num, count = proposals.shape[:2]
        goals = np.repeat(goal, count, axis=0)  # (N * A, *S)
        images = proposals.reshape(goals.shape)
        return self.likelihood.potential(images, goals).reshape(num, count)

    def predict(
        self,
        observation: Mapping[str, NDArray[Any]],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.int64], Any]:
        """Select the best valid proposals; without `deterministic` too, as it never draws."""
        return super().predict(observation, state, episode_start, deterministic=True)
