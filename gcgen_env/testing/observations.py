"""Checks of what a single environment shows: spaces, types, images, prior."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces

from gcgen_env.env import GCGenEnv
from gcgen_env.spaces import LOG_PRIOR_FLOOR
from gcgen_env.testing.episodes import Moment, expect, find_difference, roll

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
"""What `info` must hold; a subclass may add more."""


def expected_entries(env: GCGenEnv) -> dict[str, tuple[tuple[int, ...], type]]:
    """Return the shape and dtype of every key that an observation must have."""
    num_proposals, shape = env.config.num_proposals, env.core.shape
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
    """Check the two spaces: keys, shapes, dtypes; built once."""
    actions = spaces.Discrete(env.config.num_proposals)
    expect(env.action_space == actions, f"action_space must be {actions}, got {env.action_space}")
    space = env.observation_space
    if not isinstance(space, spaces.Dict):
        raise AssertionError(f"observation_space must be a Dict, got {space}")
    found = {key: (entry.shape, entry.dtype) for key, entry in space.items()}
    for key, (shape, dtype) in expected_entries(env).items():
        expect(key in found, f"observation_space lacks the key {key!r}")
        expect(
            found[key] == (shape, np.dtype(dtype)),
            f"observation_space[{key!r}] must have shape {shape} and dtype {dtype.__name__}, "
            f"got {found[key]}",
        )
    expect(
        env.observation_space is space and env.action_space is env.action_space,
        "build the spaces once, in __init__: samplers are seeded through them",
    )


def check_types(env: GCGenEnv, seed: int) -> None:
    """Check the types of all that is returned, at every step."""
    for h, moment in enumerate(roll(env, seed)):
        expect(
            env.observation_space.contains(moment.obs),
            f"the observation at h={h} is not in observation_space: {_find_misfits(env, moment)}",
        )
        expect(
            type(moment.reward) is float and math.isfinite(moment.reward),
            f"the reward must be a finite Python float, got {moment.reward!r}",
        )
        flags = (moment.terminated, moment.truncated)
        expect(
            all(type(flag) is bool for flag in flags),
            f"terminated and truncated must be Python bools, got {flags!r}",
        )
        for key, kind in INFO_TYPES.items():
            expect(key in moment.info, f"info lacks the key {key!r} at h={h}")
            expect(
                type(moment.info[key]) is kind,
                f"info[{key!r}] must be {kind.__name__}, got {type(moment.info[key]).__name__}",
            )


def check_images(env: GCGenEnv, seed: int) -> None:
    """Check what the images mean: one state shown twice, one goal, the image before."""
    moments = roll(env, seed)
    first = before = moments[0].obs
    for h, moment in enumerate(moments):
        obs, info = moment.obs, moment.info
        pairs = {
            "obs['observation'] must hold the image of obs['achieved_goal']": (
                obs["observation"], obs["achieved_goal"],
            ),
            "obs['desired_goal'] must stay the same within an episode": (
                obs["desired_goal"], first["desired_goal"],
            ),
            "obs['step'] must be h / H": (
                obs["step"], np.array([h], np.float32) / env.config.horizon,
            ),
            "info['step'] must be h": (info["step"], h),
            "info['previous_achieved_goal'] must be the achieved goal before the step": (
                info["previous_achieved_goal"], before["achieved_goal"],
            ),
        }  # fmt: skip
        for promise, pair in pairs.items():
            difference = find_difference(*pair)
            expect(difference is None, f"{promise}; at h={h} {difference}")
        before = obs


def check_prior(env: GCGenEnv, seed: int) -> None:
    """Check that log_prior is normalised over the valid proposals and floored elsewhere."""
    for h, moment in enumerate(roll(env, seed)):
        log_prior = moment.obs["log_prior"].astype(np.float64)
        valid = moment.obs["action_mask"] == 1
        mass = np.exp(log_prior[valid]).sum()
        expect(
            abs(mass - 1.0) < 1e-3,
            f"obs['log_prior'] must be normalised over the valid proposals: exp sums to {mass:.4f} "
            f"at h={h}; does the proposer apply log_softmax?",
        )
        expect(
            (log_prior[~valid] == LOG_PRIOR_FLOOR).all(),
            f"obs['log_prior'] must be {LOG_PRIOR_FLOOR:g} where the mask is 0, at h={h}",
        )


def check_goal_is_hidden(env: GCGenEnv, seed: int) -> None:
    """Check that no key but desired_goal depends on the goal: relabelling rewrites only that."""
    last = len(env.core.goals.dataset) - 1
    likelihood = env.core.chain.likelihood
    moments = roll(env, seed, options={"goal_index": 0})
    mirrored = likelihood.low + likelihood.high - moments[0].obs["desired_goal"]
    for options in ({"goal_index": last}, {"goal": mirrored}):
        others = roll(env, seed, options=options)
        difference = find_difference(_without_goal(moments), _without_goal(others), name="obs")
        expect(
            difference is None,
            f"with another goal and the same actions {difference}: no key but 'desired_goal' may "
            "depend on the goal, or hindsight relabelling leaves it stale",
        )


def _without_goal(moments: list[Moment]) -> list[dict[str, Any]]:
    """Return the observations without their goals."""
    return [{k: v for k, v in m.obs.items() if k != "desired_goal"} for m in moments]


def _find_misfits(env: GCGenEnv, moment: Moment) -> str:
    """Name the keys of an observation that do not fit their spaces."""
    entries = getattr(env.observation_space, "spaces", {})
    keys = sorted(entries.keys() ^ moment.obs.keys())
    shared = entries.keys() & moment.obs.keys()
    keys += sorted(key for key in shared if not entries[key].contains(moment.obs[key]))
    return f"look at {', '.join(keys)}"
