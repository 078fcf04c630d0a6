"""Checks of the three methods of goal environments: reward, terminated, truncated."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any

import numpy as np

from gcgen_env.env import GCGenEnv
from gcgen_env.testing.episodes import TimeStep, expect, expect_equal, roll


def check_compute_reward(env: GCGenEnv, seed: int) -> None:
    """Check that compute_reward returns exactly the reward of the step."""
    for timestep in roll(env, seed)[1:]:
        reward = env.compute_reward(*_goals(timestep), timestep.info)
        expect(
            type(reward) is float and reward == timestep.reward,
            f"compute_reward(achieved_goal, desired_goal, info): expected the reward of the step, "
            f"{timestep.reward!r}, got {reward!r}",
        )


def check_compute_reward_of_batches(env: GCGenEnv, seed: int) -> None:
    """Check that the rewards of a batch equal those of single transitions, bit for bit."""
    timesteps = roll(env, seed)[1:]
    achieved = np.stack([timestep.obs["achieved_goal"] for timestep in timesteps])  # (H, *S)
    desired = achieved[::-1].copy()  # goals as in hindsight relabelling
    infos = [timestep.info for timestep in timesteps]
    single = [env.compute_reward(*args) for args in zip(achieved, desired, infos, strict=True)]
    batched = {"previous_achieved_goal": np.stack([i["previous_achieved_goal"] for i in infos])}
    objects = np.empty(len(infos), dtype=object)  # (H,), as in a replay buffer's samples
    objects[:] = infos
    forms = {"a list of dicts": infos, "an object array": objects, "a dict of arrays": batched}
    for name, info in forms.items():
        rewards = env.compute_reward(achieved, desired, info)
        message = f"compute_reward of a batch with info as {name}: expected the single rewards"
        expect_equal(rewards, np.array(single, dtype=np.float64), message)


def check_reward_type(env: GCGenEnv, seed: int) -> None:
    """Check that rewards follow from `reward_type` and the numbers in `info`."""
    config = env.config
    timesteps = roll(env, seed)
    for before, after in pairwise(timesteps):
        potential, distance = after.info["potential"], after.info["distance"]
        success = distance <= config.success_threshold
        expect(
            after.info["is_success"] is success,
            f"info['is_success']: expected {success} at distance {distance:g}",
        )
        expected = (
            config.reward_scale
            * {
                "potential": config.gamma * potential - before.info["potential"],
                "distance": -distance,
                "sparse": float(success) - 1.0,
            }[config.reward_type]
        )
        expect(
            math.isclose(after.reward, expected, rel_tol=1e-9, abs_tol=1e-6),
            f"{config.reward_type!r} reward: expected {expected:g}, got {after.reward:g}",
        )
    if config.reward_type == "potential" and config.gamma == 1.0:
        gain = timesteps[-1].info["potential"] - timesteps[0].info["potential"]
        gain *= config.reward_scale
        total = sum(timestep.reward for timestep in timesteps)
        expect(
            math.isclose(total, gain, rel_tol=1e-9, abs_tol=1e-6),
            f"sum of the rewards at gamma = 1: expected Phi(x_H) - Phi(x_0) = {gain:g}, times "
            f"reward_scale, got {total:g}",
        )


def check_compute_terminated(env: GCGenEnv, seed: int) -> None:
    """Check compute_terminated and compute_truncated with reached and with other goals."""
    for timestep in roll(env, seed)[1:]:
        achieved, desired = _goals(timestep)
        for goal in (desired, achieved):  # the second is reached: it must not end the episode
            terminated = env.compute_terminated(achieved, goal, timestep.info)
            expect(
                terminated is timestep.terminated,
                f"compute_terminated at h={timestep.info['step']}: expected {timestep.terminated} "
                f"for every goal, got {terminated!r}",
            )
            truncated = env.compute_truncated(achieved, goal, timestep.info)
            expect(truncated is False, f"compute_truncated: expected False, got {truncated!r}")


def check_purity(env: GCGenEnv, seed: int) -> None:
    """Check that the compute methods change neither the environment nor their arguments."""
    timesteps = roll(env, seed)

    def call(timestep: TimeStep) -> None:
        achieved, desired = _goals(timestep)
        _check_calls(env, (achieved, desired, timestep.info))

    def call_swapped(timestep: TimeStep) -> None:
        achieved, desired = _goals(timestep)
        _check_calls(env, (desired, achieved, timestep.info))

    for watch in (call, call_swapped):
        message = "compute methods must be pure, but calls between steps changed the episode"
        expect_equal(roll(env, seed, watch=watch), timesteps, message, name="results")


def _check_calls(env: GCGenEnv, arguments: tuple[Any, ...]) -> None:
    """Call each compute method twice with the same arguments."""
    before = copy.deepcopy(arguments)
    for name in ("compute_reward", "compute_terminated", "compute_truncated"):
        first, second = (getattr(env, name)(*arguments) for _ in range(2))
        expect(
            first == second,
            f"{name}: expected equal results of two calls, got {first!r} and {second!r}",
        )
        expect_equal(arguments, before, f"{name} must not change its arguments", name="arguments")


def _goals(timestep: TimeStep) -> tuple[Any, Any]:
    """Return the achieved and the desired goal."""
    return timestep.obs["achieved_goal"], timestep.obs["desired_goal"]
