"""Checks of the spaces, types, info masks, rewards and episodes of a vector environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gcgen_env.env import GCGenEnv
from gcgen_env.testing.episodes import TimeStep, expect, expect_equal, roll
from gcgen_env.vector_env import GCGenVectorEnv

FINAL_KEYS = ("final_obs", "final_info")


def check_batched_spaces(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that the spaces are batched, and that metadata has the autoreset mode."""
    for kind in ("observation_space", "action_space"):
        batched = batch_space(getattr(envs, f"single_{kind}"), envs.num_envs)
        expect(
            getattr(envs, kind) == batched,
            f"{kind}: expected batch_space(single_{kind}, {envs.num_envs})",
        )
        expect(getattr(envs, kind) is getattr(envs, kind), f"build {kind} once, in __init__")
    mode = envs.metadata.get("autoreset_mode")
    expect(
        isinstance(mode, AutoresetMode) and mode is envs.autoreset_mode,
        f"metadata['autoreset_mode']: expected {envs.autoreset_mode}, got {mode!r}",
    )


def check_batched_types(envs: GCGenVectorEnv, seed: int) -> None:
    """Check the types of all return values at every step."""
    timesteps = roll(envs, seed)
    for timestep in timesteps:
        expect(
            envs.observation_space.contains(timestep.obs),
            "obs: expected an element of observation_space",
        )
    kinds = {"reward": np.float64, "terminated": np.bool_, "truncated": np.bool_}
    for timestep in timesteps[1:]:
        for name, dtype in kinds.items():
            value = getattr(timestep, name)
            expect(
                isinstance(value, np.ndarray)
                and value.shape == (envs.num_envs,)
                and value.dtype == dtype,
                f"{name}: expected {dtype.__name__} of shape ({envs.num_envs},), got {value!r}",
            )
        expect(not timestep.truncated.any(), "truncated: expected False in every environment")


def check_info_masks(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that infos have N entries for each key and a mask `_key` of the valid entries."""
    for timestep in roll(envs, seed):
        final = {k: v for k, v in timestep.info.items() if k.lstrip("_") in FINAL_KEYS}
        others = {k: v for k, v in timestep.info.items() if k not in final}
        _check_masked(others, np.ones(envs.num_envs, dtype=bool), "infos")
        _check_masked(final, np.asarray(timestep.terminated), "infos")


def _check_masked(infos: Mapping[str, Any], expected: NDArray[np.bool_], name: str) -> None:
    """Check that each key has N entries and the expected mask, also in nested infos."""
    for key in (key for key in infos if not key.startswith("_")):
        expect(f"_{key}" in infos, f"{name}: expected the mask '_{key}'")
        mask = infos[f"_{key}"]
        expect(
            mask.dtype == np.bool_ and np.array_equal(mask, expected),
            f"{name}['_{key}']: expected {expected.tolist()}, got {mask!r}",
        )
        if isinstance(infos[key], Mapping):
            _check_masked(infos[key], expected, f"{name}[{key!r}]")
            continue
        actual, num = len(infos[key]), len(expected)
        expect(actual == num, f"{name}[{key!r}]: expected {num} entries, got {actual}")


def check_batched_rewards(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that compute_reward returns exactly the rewards of the step."""
    for before, after in pairwise(roll(envs, seed)):
        running = find_running(envs, before)
        _, obs, _, _, _, infos = undo_reset(after)
        rewards = envs.compute_reward(obs["achieved_goal"], obs["desired_goal"], infos)
        message = "compute_reward(achieved_goal, desired_goal, infos): expected the rewards of step"
        expect_equal(np.asarray(rewards)[running], after.reward[running], message)


def check_single_environments(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that each environment gives the results of a `GCGenEnv` with its goal and actions."""
    names = [field.name for field in dataclasses.fields(envs.config)]
    env = GCGenEnv(**{name: getattr(envs.config, name) for name in names})
    goals = roll(envs, seed, num_steps=0)[0].obs["desired_goal"]  # (N, *S)
    horizon = envs.config.horizon
    timesteps = roll(envs, seed, options={"goal": goals}, num_steps=horizon)
    batch = [undo_reset(timestep) for timestep in timesteps]
    for i, goal in enumerate(goals):
        actions = iter([timestep.action[i] for timestep in batch[1:]])
        single = roll(env, seed, options={"goal": goal}, choose=lambda obs, a=actions: next(a))  # type: ignore[misc]
        for h, (many, one) in enumerate(zip(batch, single, strict=True)):
            obs = {key: value[i] for key, value in many.obs.items()}
            message = f"environment {i} at h={h}: expected the results of a single environment"
            expect_equal(obs, one.obs, message, 1e-5, "obs")
            reward = 0.0 if h == 0 else many.reward[i]  # a reset has no reward
            expect(
                np.isclose(reward, one.reward, rtol=1e-4, atol=1e-3),
                f"{message}, reward {one.reward:g}, got {reward:g}",
            )


def find_running(envs: GCGenVectorEnv, before: TimeStep) -> NDArray[np.bool_]:
    """Return which episodes continue in the step after `before`; the others are only reset."""
    ended = np.broadcast_to(np.asarray(before.terminated), envs.num_envs)
    return ~ended | (envs.autoreset_mode is AutoresetMode.SAME_STEP)


def undo_reset(timestep: TimeStep) -> TimeStep:
    """Replace the first observations of SAME_STEP resets by the final ones before them."""
    if "final_obs" not in timestep.info:
        return timestep
    obs = {key: value.copy() for key, value in timestep.obs.items()}
    info = {key: value for key, value in timestep.info.items() if key.lstrip("_") not in FINAL_KEYS}
    ended = timestep.info["_final_obs"]
    for i in np.flatnonzero(ended):
        for key, value in timestep.info["final_obs"][i].items():
            obs[key][i] = value
    for key in (key for key in info if not key.startswith("_")):
        info[key] = info[key].copy()  # the recorded time step stays as it is
        info[key][ended] = timestep.info["final_info"][key][ended]
    return timestep._replace(obs=obs, info=info)
