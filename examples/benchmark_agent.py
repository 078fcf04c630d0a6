"""Your own algorithm in the benchmark: learns which proposal is often good at each step.

    gcgen benchmark --envs GCGen-PlaneReach-v0 --algos random examples.benchmark_agent:OftenGood

The class is called with the environments of the training, an SB3 `VecEnv`, and a seed. The rest is
`predict`, as SB3 has it, and `learn`, which calls `report` between updates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv


class OftenGood:
    """Estimates the mean reward of each proposal at each step, and chooses the best one."""

    tracks = ("compact",)  # it needs no previews

    def __init__(self, env: VecEnv, seed: int) -> None:
        """Store the environments, and start with no knowledge."""
        self.env = env
        self.rng = np.random.default_rng(seed)
        config = env.get_attr("config")[0]
        self.total = np.zeros((config.horizon, config.num_proposals))
        self.count = np.full(self.total.shape, 1e-9)

    def learn(self, total_timesteps: int, report: Callable[[int], None]) -> None:
        """Play random valid actions, and average the rewards."""
        obs: Any = self.env.reset()
        for steps in range(0, total_timesteps, self.env.num_envs):
            report(steps)
            values: Any = self.rng.random(self.total.shape)
            h, action = self._choose(obs, values)
            obs, reward, _, _ = self.env.step(action)
            np.add.at(self.total, (h, action), reward)
            np.add.at(self.count, (h, action), 1)

    def predict(
        self, observation: Any, state: Any, episode_start: Any, deterministic: bool
    ) -> tuple[NDArray[np.int64], Any]:
        """Return the actions (N,) for batched observations."""
        return self._choose(observation, self.total / self.count)[1], state

    def _choose(self, observation: Any, values: NDArray[np.float64]) -> tuple[Any, Any]:
        """Return the steps h, and the valid actions of largest value (H, A), both (N,)."""
        h = np.rint(observation["step"][:, 0] * len(values)).astype(np.int64)  # from h / H
        h = h.clip(max=len(values) - 1)
        valid = observation["action_mask"] > 0  # (N, A)
        return h, np.where(valid, values[h], -np.inf).argmax(1)
