"""One step of look-ahead: select the proposal whose image has the highest potential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines.base import Baseline
from agents.common.proposal_policy import find_likelihood


class GreedyAgent(Baseline):
    """Selects argmax_a Phi(x'_a, g) among the valid proposals; Phi is the environment's."""

    deterministic = True

    def __init__(self, env: Any, seed: int | None = None) -> None:
        """Read the likelihood that defines the potential.

        Args:
            env: An environment, a vector environment, or the observation space of a single
                environment, with `obs_mode="pixels"`.
            seed: Unused, because the agent is deterministic; part of the baselines' interface.

        Raises:
            ValueError: If the observations do not contain the proposals.
        """
        super().__init__(seed)
        space = getattr(env, "observation_space", env)  # `env` may be the space itself
        self.likelihood = find_likelihood(getattr(env, "single_observation_space", space))

    def compute_logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the potential of every proposal, shape (N, A), in nats."""
        proposals, goal = observation["proposals"], observation["desired_goal"]
        num, count = proposals.shape[:2]
        goals = np.repeat(goal, count, axis=0)  # (N * A, *S)
        images = proposals.reshape(goals.shape)  # (N * A, *S)
        return self.likelihood.potential(images, goals).reshape(num, count)
