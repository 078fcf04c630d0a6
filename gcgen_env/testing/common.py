"""Checks for single and for vector environments."""

from __future__ import annotations

import itertools
from copy import deepcopy

import numpy as np

from gcgen_env.testing.episodes import (
    AnyEnv,
    TimeStep,
    expect,
    expect_equal,
    expect_raises,
    find_arrays,
    roll,
)
from gcgen_env.vector_env import GCGenVectorEnv


def check_masks(env: AnyEnv, seed: int) -> None:
    """Check that obs, info and action_masks() hold the same mask, with a valid action."""
    shape: tuple[int, ...] = (env.config.num_proposals,)
    if isinstance(env, GCGenVectorEnv):
        shape = (env.num_envs, *shape)  # (N, A)
    views = []
    roll(env, seed, watch=lambda timestep: views.append((timestep, env.action_masks())))
    for timestep, mask in views:
        expect(
            mask.dtype == np.bool_ and mask.shape == shape,
            f"action_masks(): expected bool of shape {shape}, got {mask.dtype} of {mask.shape}",
        )
        for name, view in (("obs", timestep.obs), ("info", timestep.info)):
            actual = view["action_mask"]
            expect(
                actual.dtype == np.int8 and np.array_equal(actual, mask),
                f"{name}['action_mask']: expected action_masks() as int8, {mask.tolist()}, got "
                f"{actual.tolist()} ({actual.dtype})",
            )
        expect(mask.any(axis=-1).all(), "action_masks(): expected a valid action, got all False")


def check_memory(env: AnyEnv, seed: int) -> None:
    """Check that returned arrays are copies: not shared, and safe to overwrite."""
    returned: list[TimeStep] = []
    timesteps = roll(env, seed, watch=returned.append)
    expect_equal(
        returned, timesteps, "a later step changed returned arrays: return copies", name="results"
    )
    arrays = list(find_arrays([[step.obs, step.info] for step in returned], "results"))
    for (name, array), (other_name, other) in itertools.combinations(arrays, 2):
        if np.may_share_memory(array, other):  # of many pairs: no message for those that pass
            expect(False, f"{name} and {other_name} share memory: return copies")
    message = "overwriting returned arrays changed the episode: return copies of the state"
    expect_equal(roll(env, seed, watch=_overwrite), timesteps, message, name="results")


def check_seeding(env: AnyEnv, seed: int) -> None:
    """Check that a seed reproduces an episode and the one after it."""
    runs = [[*roll(env, seed), env.reset()] for _ in range(2)]  # reset() goes on with the generator
    message = f"reset(seed={seed}) gave two different episodes: draw from np_random only"
    expect_equal(runs[0], runs[1], message, name="results")


def check_wrong_actions(env: AnyEnv, seed: int) -> None:
    """Check that a wrong action raises a ValueError and changes nothing."""
    timesteps = roll(env, seed, num_steps=1)
    env.reset(seed=seed)
    action = timesteps[-1].action
    num = env.config.num_proposals
    for wrong in (action - num, action + num, action + 0.5, np.stack([action] * 3)):
        expect_raises(
            ValueError,
            lambda wrong=wrong: env.step(wrong),  # type: ignore[misc]
            f"step({wrong!r}): expected a ValueError, as actions are integers in [0, {num})",
        )
    after = list(env.step(action))
    message = "an action that raised an error changed the episode"
    expect_equal(after, list(timesteps[-1][1:]), message, name="results")


def check_refused_resets(env: AnyEnv, seed: int) -> None:
    """Check that a refused reset leaves the episode and the generator as they were."""
    timesteps = roll(env, seed, num_steps=1)
    after = list(env.reset())  # draws from the generator

    def refuse(timestep: TimeStep) -> None:
        expect_raises(
            ValueError,
            lambda: env.reset(seed=seed + 1, options={"initial_state": np.full(1, np.nan)}),
            "reset with a wrong initial_state: expected a ValueError",
        )

    message = "a reset that raised an error changed the episode"
    expect_equal(roll(env, seed, num_steps=1, watch=refuse), timesteps, message, name="results")
    message = "a reset that raised an error changed the generator: seed and draw last, or undo it"
    expect_equal(list(env.reset()), after, message, name="results")


def check_copies(env: AnyEnv, seed: int) -> None:
    """Check that a copy of the environment goes on with exactly the same results."""
    copies: list[AnyEnv] = []
    timesteps = roll(env, seed, num_steps=2, watch=lambda timestep: copies.append(deepcopy(env)))
    for h, (twin, timestep) in enumerate(zip(copies, timesteps[1:], strict=False)):
        after = list(twin.step(timestep.action))
        message = f"a copy made at h={h} gave other results in its next step: copy the whole state"
        expect_equal(after, list(timestep[1:]), message, name="results")
    message = "a copy drew another goal at the next reset: copy the generator"
    expect_equal(list(copies[-1].reset()), list(env.reset()), message, name="results")


def _overwrite(timestep: TimeStep) -> None:
    """Overwrite every returned array with other values."""
    for _, array in find_arrays([timestep.obs, timestep.info]):
        array[...] = ~array if array.dtype == np.bool_ else array + 1
