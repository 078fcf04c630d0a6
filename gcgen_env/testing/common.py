"""Checks that read the same for one episode and for many."""

from __future__ import annotations

import itertools

import numpy as np

from gcgen_env.testing.episodes import (
    AnyEnv,
    Moment,
    expect,
    expect_raises,
    find_arrays,
    find_difference,
    roll,
)


def check_masks(env: AnyEnv, seed: int) -> None:
    """Check that the three views of the action mask agree and are never all zero."""
    shape = getattr(env, "num_envs", None)
    shape = (env.config.num_proposals,) if shape is None else (shape, env.config.num_proposals)
    views = []
    roll(env, seed, watch=lambda moment: views.append((moment, env.action_masks())))
    for moment, mask in views:
        expect(
            mask.dtype == np.bool_ and mask.shape == shape,
            f"action_masks() must be bool of shape {shape}, got {mask.dtype} of shape {mask.shape}",
        )
        for name, view in (("obs", moment.obs), ("info", moment.info)):
            seen = view["action_mask"]
            expect(
                seen.dtype == np.int8 and np.array_equal(seen, mask),
                f"{name}['action_mask'] must be int8 and say what action_masks() says, got "
                f"{seen.tolist()} ({seen.dtype}) and {mask.tolist()}",
            )
        expect(mask.any(axis=-1).all(), "an action mask must not be all zero: one must be valid")


def check_memory(env: AnyEnv, seed: int) -> None:
    """Check that returned arrays belong to the caller: not shared, and safe to overwrite."""
    returned: list[Moment] = []
    moments = roll(env, seed, watch=returned.append)
    difference = find_difference(moments, returned, name="results")
    expect(
        difference is None,
        f"later steps changed what earlier ones returned ({difference}): return copies",
    )
    arrays = list(find_arrays([[moment.obs, moment.info] for moment in returned], "results"))
    for (name, array), (other_name, other) in itertools.combinations(arrays, 2):
        expect(
            not np.may_share_memory(array, other),
            f"{name} and {other_name} share memory: return copies",
        )
    scribbled = roll(env, seed, watch=_scribble)
    difference = find_difference(moments, scribbled, name="results")
    expect(
        difference is None,
        f"overwriting returned arrays changed the episode ({difference}): the environment must "
        "keep its state in arrays of its own",
    )


def check_seeding(env: AnyEnv, seed: int) -> None:
    """Check that a seed reproduces an episode and the one drawn after it."""
    runs = []
    for _ in range(2):
        moments = roll(env, seed)
        runs.append([*moments, env.reset()])
    difference = find_difference(runs[0], runs[1], name="results")
    expect(
        difference is None,
        f"reset(seed={seed}) twice gave two different episodes ({difference}): every draw must "
        "come from np_random",
    )


def check_wrong_actions(env: AnyEnv, seed: int) -> None:
    """Check that what is no action raises a ValueError and changes nothing."""
    moments = roll(env, seed, num_steps=1)
    env.reset(seed=seed)
    action = moments[-1].action
    num = env.config.num_proposals
    for wrong in (action - num, action + num, action + 0.5, np.stack([action] * 3)):
        expect_raises(
            ValueError,
            lambda wrong=wrong: env.step(wrong),  # type: ignore[misc]
            f"step({wrong!r}) must raise a ValueError: actions are integers in [0, {num})",
        )
    after = env.step(action)
    difference = find_difference(list(moments[-1][1:]), list(after), name="results")
    expect(difference is None, f"a refused action changed the episode ({difference})")


def _scribble(moment: Moment) -> None:
    """Overwrite every returned array with other values."""
    for _, array in find_arrays([moment.obs, moment.info]):
        array[...] = ~array if array.dtype == np.bool_ else array + 1
