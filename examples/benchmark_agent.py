"""Your own algorithm in the benchmark: learns which proposal is often good at each step.

It has `predict` as SB3 has it, and `learn`, which calls `report` between updates.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from agents.benchmark.execution import execute
from agents.benchmark.run_files import read_run
from agents.benchmark.study import plan


class OftenGood:
    """Estimates the mean reward of each proposal at each step, and chooses the best one."""

    tracks = ("compact",)  # it needs no previews

    def __init__(self, env: VecEnv, seed: int) -> None:
        """Store the environments, and start with no knowledge."""
        self.env, self.rng = env, np.random.default_rng(seed)
        config = env.get_attr("config")[0]
        self.total = np.zeros((config.horizon, config.num_proposals))
        self.count = np.full(self.total.shape, 1e-9)

    def learn(self, total_timesteps: int, report: Callable[[int], None]) -> None:
        """Play random valid actions, and average the rewards."""
        obs: Any = self.env.reset()
        for steps in range(0, total_timesteps, self.env.num_envs):
            report(steps)
            h, action = self._choose(obs, self.rng.random((self.env.num_envs, *self.total.shape)))
            obs, reward, _, _ = self.env.step(action)
            np.add.at(self.total, (h, action), reward)
            np.add.at(self.count, (h, action), 1)

    def predict(self, observation: Any, state: Any, start: Any, deterministic: bool) -> Any:
        """Return the actions (N,) for batched observations, and the state."""
        return self._choose(observation, (self.total / self.count)[None])[1], state

    def _choose(self, observation: Any, values: Any) -> tuple[Any, Any]:
        """Return h, and the valid actions of largest value (N, H, A), both (N,)."""
        h = np.rint(observation["step"][:, 0] * len(self.total)).astype(np.int64)  # from h / H
        rows = np.broadcast_to(values, (len(h), *self.total.shape))[np.arange(len(h)), h]
        return h, np.where(observation["action_mask"] > 0, rows, -np.inf).argmax(1)


def main(timesteps: int = 20_000, out: Path = Path("runs/often_good")) -> None:
    """Train and measure it on one task, as `gcgen benchmark --algos ...:OftenGood` does."""
    (run,) = plan(["GCGen-PlaneReach-v0"], ["examples.benchmark_agent:OftenGood"], 1, timesteps)
    print(execute(run, out) or f"score {read_run(run, out).last['score']:.2f}")


if __name__ == "__main__":
    main()
