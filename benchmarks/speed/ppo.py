"""Stock PPO on the batched environment against stock PPO on `DummyVecEnv`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import tyro
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from agents import make_vec_env
from benchmarks.speed.figures import Figure, report
from benchmarks.speed.task import prepare_process
from benchmarks.speed.timing import time_in_turns

ENV_ID = "GCGen-Digits-v0"
NUM_BATCHED, NUM_DUMMY = 64, 8


def main(
    timesteps: int = 8192,
    rollout: int = 2048,
    rounds: int = 3,
    threads: int = 2,
    json: bool = False,
) -> list[Figure]:
    """Compare the CPU time that PPO takes for the same number of timesteps of Digits.

    Both environments keep the defaults of the id (pixels mode). Both runs use PPO's defaults,
    except for one epoch an update, no discount, and the same rollout for both.

    Args:
        timesteps: Timesteps of one call of `learn`.
        rollout: Timesteps between two updates.
        rounds: Repetitions; medians are reported.
        threads: Number of torch threads.
        json: Print JSON instead of a table.
    """
    prepare_process(threads)
    functions = {
        "batched": make_learn(make_vec_env(ENV_ID, NUM_BATCHED), timesteps, rollout),
        "dummy": make_learn(
            DummyVecEnv([lambda: gym.make(ENV_ID)] * NUM_DUMMY), timesteps, rollout
        ),
    }
    timings = time_in_turns(functions, rounds, warm_up=1, clock=time.process_time)
    speed = {name: timesteps / timings.seconds(name) for name in functions}
    name = f"PPO on Digits, pixels: speed of {NUM_BATCHED} batched / DummyVecEnv of {NUM_DUMMY}"
    detail = f"{speed['batched']:,.0f}, {speed['dummy']:,.0f} steps a CPU second"
    figures = [Figure(name, timings.ratio("dummy", "batched"), "x", 8.0, detail=detail)]
    report(figures, json)
    return figures


def make_learn(env: VecEnv, timesteps: int, rollout: int) -> Callable[[], Any]:
    """Return a function that trains stock PPO for some timesteps."""
    n_steps = rollout // env.num_envs
    model = PPO("MultiInputPolicy", env, n_steps=n_steps, n_epochs=1, gamma=1.0, seed=0)
    return lambda: model.learn(timesteps)


if __name__ == "__main__":
    tyro.cli(main)
