"""Checks of a vector environment: spaces, types, info masks, rewards, rows."""

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
from gcgen_env.testing.episodes import Moment, expect, find_difference, roll
from gcgen_env.vector_env import GCGenVectorEnv

FINAL_KEYS = ("final_obs", "final_info")


def check_batched_spaces(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that the spaces are those of one environment, N times, and the mode is announced."""
    for kind in ("observation_space", "action_space"):
        batched = batch_space(getattr(envs, f"single_{kind}"), envs.num_envs)
        expect(
            getattr(envs, kind) == batched,
            f"{kind} must be batch_space(single_{kind}, {envs.num_envs})",
        )
        expect(getattr(envs, kind) is getattr(envs, kind), f"build {kind} once, in __init__")
    mode = envs.metadata.get("autoreset_mode")
    expect(
        isinstance(mode, AutoresetMode) and mode is envs.autoreset_mode,
        f"metadata['autoreset_mode'] must be {envs.autoreset_mode}, got {mode!r}",
    )


def check_batched_types(envs: GCGenVectorEnv, seed: int) -> None:
    """Check the types of all that is returned, at every step."""
    moments = roll(envs, seed)
    for moment in moments:
        expect(
            envs.observation_space.contains(moment.obs),
            "an observation is not in observation_space",
        )
    kinds = {"reward": np.float64, "terminated": np.bool_, "truncated": np.bool_}
    for moment in moments[1:]:
        for name, dtype in kinds.items():
            value = getattr(moment, name)
            expect(
                isinstance(value, np.ndarray)
                and value.shape == (envs.num_envs,)
                and value.dtype == dtype,
                f"{name} must be {dtype.__name__} of shape ({envs.num_envs},), got {value!r}",
            )
        expect(not moment.truncated.any(), "truncated must be False: the horizon ends episodes")


def check_info_masks(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that every info has N rows and a `_key` mask that says which of them count."""
    for moment in roll(envs, seed):
        everywhere = np.ones(envs.num_envs, dtype=bool)
        for key in FINAL_KEYS:
            if key in moment.info:
                expect(f"_{key}" in moment.info, f"infos lack the mask '_{key}' beside {key!r}")
                expect(
                    np.array_equal(moment.info[f"_{key}"], moment.terminated),
                    f"infos['_{key}'] must mark the rows that ended",
                )
        ordinary = {k: v for k, v in moment.info.items() if k.lstrip("_") not in FINAL_KEYS}
        _check_masked(ordinary, everywhere, "infos")
        if "final_info" in moment.info:
            _check_masked(moment.info["final_info"], moment.terminated, "final_info")


def _check_masked(infos: Mapping[str, Any], rows: NDArray[np.bool_], name: str) -> None:
    """Check that each key has N rows and a mask of the rows that count."""
    for key in (key for key in infos if not key.startswith("_")):
        expect(f"_{key}" in infos, f"{name} lacks the mask '_{key}' beside {key!r}")
        mask = infos[f"_{key}"]
        expect(
            mask.dtype == np.bool_ and np.array_equal(mask, rows),
            f"{name}['_{key}'] must be {rows.tolist()}, got {mask!r}",
        )
        expect(len(infos[key]) == len(rows), f"{name}[{key!r}] must have {len(rows)} rows")


def check_batched_rewards(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that compute_reward gives exactly what step paid, before any reset."""
    for before, after in pairwise(roll(envs, seed)):
        live = find_live_rows(envs, before)
        arrived = undo_reset(after)
        rewards = np.asarray(
            envs.compute_reward(
                arrived.obs["achieved_goal"], arrived.obs["desired_goal"], arrived.info
            )
        )
        difference = find_difference(rewards[live], after.reward[live])
        expect(
            difference is None,
            f"compute_reward(achieved_goal, desired_goal, infos) must equal the rewards; "
            f"{difference}",
        )


def check_rows_agree(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that N rows do what N single environments do, given the same goals and actions."""
    names = [field.name for field in dataclasses.fields(envs.config)]
    env = GCGenEnv(**{name: getattr(envs.config, name) for name in names})
    goals = roll(envs, seed, num_steps=0)[0].obs["desired_goal"]
    horizon = envs.config.horizon
    moments = roll(envs, seed, options={"goal": goals}, num_steps=horizon)
    batch = [undo_reset(moment) for moment in moments]
    for row, goal in enumerate(goals):
        actions = iter([moment.action[row] for moment in batch[1:]])
        single = roll(env, seed, options={"goal": goal}, choose=lambda obs, a=actions: next(a))  # type: ignore[misc]
        for h, (many, one) in enumerate(zip(batch, single, strict=True)):
            mine = {key: value[row] for key, value in many.obs.items()}
            difference = find_difference(mine, one.obs, 1e-5, "the observation")
            expect(
                difference is None,
                f"row {row} must do what a single environment does; at h={h} {difference}",
            )
            paid = 0.0 if h == 0 else many.reward[row]
            expect(
                np.isclose(paid, one.reward, rtol=1e-4, atol=1e-3),
                f"row {row} at h={h} was paid {paid:g}, a single environment {one.reward:g}",
            )


def find_live_rows(envs: GCGenVectorEnv, before: Moment) -> NDArray[np.bool_]:
    """Return which rows the step after a moment moves: not those it only resets."""
    ended = np.broadcast_to(np.asarray(before.terminated), envs.num_envs)
    return ~ended | (envs.autoreset_mode is AutoresetMode.SAME_STEP)


def undo_reset(moment: Moment) -> Moment:
    """Return where a SAME_STEP transition arrived: final results in the place of first ones."""
    if "final_obs" not in moment.info:
        return moment
    obs = {key: value.copy() for key, value in moment.obs.items()}
    info = {key: value for key, value in moment.info.items() if key.lstrip("_") not in FINAL_KEYS}
    ended = moment.info["_final_obs"]
    for row in np.flatnonzero(ended):
        for key, value in moment.info["final_obs"][row].items():
            obs[key][row] = value
    for key in (key for key in info if not key.startswith("_")):
        info[key] = info[key].copy()
        info[key][ended] = moment.info["final_info"][key][ended]
    return moment._replace(obs=obs, info=info)
