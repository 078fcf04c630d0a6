"""Checks of the spaces, types, images and priors of a single environment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces

from gcgen_env.env import GCGenEnv
from gcgen_env.spaces import LOG_PRIOR_FLOOR
from gcgen_env.testing.episodes import TimeStep, expect, expect_equal, roll

INFO_TYPES: dict[str, type] = {
    "is_success": bool,
    "distance": float,
    "potential": float,
    "goal_index": int,
    "action_mask": np.ndarray,
    "invalid_action": bool,
    "previous_achieved_goal": np.ndarray,
    "step": int,
}
"""Keys of `info` and the types of their values; a subclass may add more."""


def expected_entries(env: GCGenEnv) -> dict[str, tuple[tuple[int, ...], type]]:
    """Return the expected shape and dtype of every key of an observation."""
    num_proposals, shape = env.config.num_proposals, env.episodes.shape
    entries: dict[str, tuple[tuple[int, ...], type]] = {
        "observation": (shape, np.float32),
        "achieved_goal": (shape, np.float32),
        "desired_goal": (shape, np.float32),
        "step": ((1,), np.float32),
        "log_prior": ((num_proposals,), np.float32),
        "action_mask": ((num_proposals,), np.int8),
    }
    if env.config.obs_mode == "pixels":
        entries["proposals"] = ((num_proposals, *shape), np.float32)
    return entries


def check_spaces(env: GCGenEnv, seed: int) -> None:
    """Check the keys, shapes and dtypes of the two spaces, and that they are built once."""
    actions = spaces.Discrete(env.config.num_proposals)
    expect(env.action_space == actions, f"action_space: expected {actions}, got {env.action_space}")
    space = env.observation_space
    if not isinstance(space, spaces.Dict):
        raise AssertionError(f"observation_space: expected a Dict, got {space}")
    found = {key: (entry.shape, entry.dtype) for key, entry in space.items()}
    for key, (shape, dtype) in expected_entries(env).items():
        expect(key in found, f"observation_space: expected the key {key!r}, got {sorted(found)}")
        expect(
            found[key] == (shape, np.dtype(dtype)),
            f"observation_space[{key!r}]: expected shape {shape} and dtype {dtype.__name__}, got "
            f"{found[key]}",
        )
    expect(
        env.observation_space is space and env.action_space is env.action_space,
        "build the spaces once, in __init__: users seed them",
    )


def check_types(env: GCGenEnv, seed: int) -> None:
    """Check the types of all return values at every step."""
    for h, timestep in enumerate(roll(env, seed)):
        expect(
            env.observation_space.contains(timestep.obs),
            f"obs at h={h}: not in observation_space; {_find_misfits(env, timestep)}",
        )
        expect(
            type(timestep.reward) is float and math.isfinite(timestep.reward),
            f"reward: expected a finite Python float, got {timestep.reward!r}",
        )
        flags = (timestep.terminated, timestep.truncated)
        expect(
            all(type(flag) is bool for flag in flags),
            f"terminated and truncated: expected Python bools, got {flags!r}",
        )
        for key, kind in INFO_TYPES.items():
            expect(key in timestep.info, f"info at h={h}: expected the key {key!r}")
            expect(
                type(timestep.info[key]) is kind,  # not isinstance: np.float64 is a float
                f"info[{key!r}]: expected {kind.__name__}, got {type(timestep.info[key]).__name__}",
            )


def check_images(env: GCGenEnv, seed: int) -> None:
    """Check the images and the step of every observation and info."""
    timesteps = roll(env, seed)
    first = before = timesteps[0].obs
    for h, timestep in enumerate(timesteps):
        obs, info = timestep.obs, timestep.info
        pairs = {
            "obs['observation']: expected the image of obs['achieved_goal']": (
                obs["observation"], obs["achieved_goal"],
            ),
            "obs['desired_goal']: expected the same goal throughout an episode": (
                obs["desired_goal"], first["desired_goal"],
            ),
            "obs['step']: expected h / H": (
                obs["step"], np.array([h], np.float32) / env.config.horizon,
            ),
            "info['step']: expected h": (info["step"], h),
            "info['previous_achieved_goal']: expected obs['achieved_goal'] before the step": (
                info["previous_achieved_goal"], before["achieved_goal"],
            ),
        }  # fmt: skip
        for message, pair in pairs.items():
            expect_equal(*pair, f"{message}, at h={h}")
        before = obs


def check_prior(env: GCGenEnv, seed: int) -> None:
    """Check that log_prior is normalised over valid proposals, and the floor for invalid ones."""
    for h, timestep in enumerate(roll(env, seed)):
        log_prior = timestep.obs["log_prior"].astype(np.float64)  # (A,)
        valid = timestep.obs["action_mask"] == 1
        mass = np.exp(log_prior[valid]).sum()
        expect(
            abs(mass - 1.0) < 1e-3,  # as much as `CheckedProposer` tolerates
            f"obs['log_prior'] at h={h}: expected probabilities of valid proposals that sum to 1, "
            f"got {mass:.4f}; does the proposer apply log_softmax?",
        )
        expect(
            (log_prior[~valid] == LOG_PRIOR_FLOOR).all(),
            f"obs['log_prior'] at h={h}: expected {LOG_PRIOR_FLOOR:g} where the mask is 0",
        )


def check_goal_is_hidden(env: GCGenEnv, seed: int) -> None:
    """Check that desired_goal is the only key of an observation that depends on the goal."""
    last = len(env.episodes.goals.dataset) - 1
    likelihood = env.episodes.chain.likelihood
    timesteps = roll(env, seed, options={"goal_index": 0})
    mirrored = likelihood.low + likelihood.high - timesteps[0].obs["desired_goal"]  # valid too
    for options in ({"goal_index": last}, {"goal": mirrored}):
        others = _without_goal(roll(env, seed, options=options))
        message = (
            "only obs['desired_goal'] may depend on the goal, because hindsight relabelling "
            "replaces only this key"
        )
        expect_equal(others, _without_goal(timesteps), message, name="obs")


def _without_goal(timesteps: list[TimeStep]) -> list[dict[str, Any]]:
    """Return the observations without `desired_goal`."""
    return [{k: v for k, v in m.obs.items() if k != "desired_goal"} for m in timesteps]


def _find_misfits(env: GCGenEnv, timestep: TimeStep) -> str:
    """List the keys of an observation that are not in their spaces."""
    entries = getattr(env.observation_space, "spaces", {})
    keys = sorted(entries.keys() ^ timestep.obs.keys())  # in one of the two only
    shared = entries.keys() & timestep.obs.keys()
    keys += sorted(key for key in shared if not entries[key].contains(timestep.obs[key]))
    return f"wrong keys: {', '.join(keys)}"
