"""Checks of a vector environment after the end of an episode, for each autoreset mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from gcgen_env.testing.episodes import (
    TimeStep,
    choose_valid,
    expect,
    expect_equal,
    expect_raises,
    roll,
)
from gcgen_env.vector_env import GCGenVectorEnv


def check_autoreset(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that episodes end after exactly H steps and are reset according to the mode."""
    horizon = envs.config.horizon
    timesteps = roll(envs, seed, num_steps=horizon)
    for h, timestep in enumerate(timesteps):
        expect(
            np.all(np.asarray(timestep.terminated) == (h == horizon)),
            f"terminated at h={h}: expected {h == horizon} in every environment, got "
            f"{timestep.terminated}",
        )
    _MODE_CHECKS[envs.autoreset_mode](envs, seed, timesteps)


def check_next_step(envs: GCGenVectorEnv, seed: int, timesteps: list[TimeStep]) -> None:
    """Check NEXT_STEP: the step after the end ignores its action and resets."""
    horizon = envs.config.horizon
    expect_step(envs, timesteps[-1].obs, horizon)
    resets = [
        roll(envs, seed, choose=_choose_then(seed, action), num_steps=horizon + 1)[-1]
        for action in (0, envs.config.num_proposals - 1)
    ]
    for reset in resets:
        expect_step(envs, reset.obs, 0)
        expect(not reset.reward.any(), f"resetting step: expected reward 0, got {reset.reward}")
        expect(not reset.terminated.any(), "resetting step: expected terminated to be False")
    first, second = (reset._replace(action=None) for reset in resets)  # the actions differ
    expect_equal(first, second, "resetting step: expected it to ignore the action", name="results")


def check_same_step(envs: GCGenVectorEnv, seed: int, timesteps: list[TimeStep]) -> None:
    """Check SAME_STEP: the last step resets, and returns the final observation and info."""
    last = timesteps[-1]
    expect_step(envs, last.obs, 0)
    for timestep in timesteps[:-1]:
        expect("final_obs" not in timestep.info, "infos['final_obs']: expected only after the end")
    for key in ("final_obs", "final_info"):
        expect(key in last.info, f"infos: expected the key {key!r} after the end of episodes")
    for i, obs in enumerate(last.info["final_obs"]):
        expect(
            envs.single_observation_space.contains(obs),
            f"infos['final_obs'][{i}]: expected an element of single_observation_space",
        )
        expect(
            obs["step"][0] == 1.0,
            f"infos['final_obs'][{i}]['step']: expected 1, as h = H, got {obs['step'][0]:g}",
        )
    final_step = last.info["final_info"]["step"]
    expect(
        (final_step == envs.config.horizon).all(),
        f"infos['final_info']['step']: expected H={envs.config.horizon}, got {final_step}",
    )


def check_disabled(envs: GCGenVectorEnv, seed: int, timesteps: list[TimeStep]) -> None:
    """Check DISABLED: `step` raises after the end, and `reset_mask` selects what is reset."""
    last = timesteps[-1]
    expect_step(envs, last.obs, envs.config.horizon)
    message = "step() after the end: expected ResetNeeded"
    expect_raises(ResetNeeded, lambda: envs.step(last.action), message)
    mask = np.arange(envs.num_envs) % 2 == 0
    obs, _ = envs.reset(options={"reset_mask": mask})
    expect(not obs["step"][mask].any(), "reset_mask: expected a reset where the mask is True")
    kept, expected = ({k: v[~mask] for k, v in each.items()} for each in (obs, last.obs))
    expect_equal(kept, expected, "reset_mask: expected no change where the mask is False")
    if not mask.all():  # not with a single environment
        message = "step() before all ended environments are reset: expected ResetNeeded"
        expect_raises(ResetNeeded, lambda: envs.step(last.action), message)
        envs.reset(options={"reset_mask": ~mask})
    envs.step(choose_valid(seed)(obs))


def check_seeds(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that a list of seeds gives each environment goals that depend on its seed alone."""
    seeds, horizon = [seed + i for i in range(envs.num_envs)], envs.config.horizon
    pairs = zip(
        _list_goals(envs, seeds, horizon), _list_goals(envs, seeds[::-1], horizon), strict=True
    )
    for episode, (first, reversed_order) in enumerate(pairs):
        message = (
            f"reset(seed=[...]): expected goals that depend on an environment's own seed alone, in "
            f"episode {episode}"
        )
        expect_equal(reversed_order[::-1], first, message, name="goals")


def _list_goals(envs: GCGenVectorEnv, seeds: list[int], horizon: int) -> list[NDArray[np.float32]]:
    """Return the goals of two episodes of each environment, (N, *S) each."""
    first, _ = envs.reset(seed=seeds)
    obs = first
    for _ in range(horizon + 1):
        if (obs["step"] == 1.0).all() and envs.autoreset_mode is AutoresetMode.DISABLED:
            obs, _ = envs.reset()
            break
        obs, *_ = envs.step(obs["action_mask"].argmax(axis=1))
    return [first["desired_goal"], obs["desired_goal"]]


def expect_step(envs: GCGenVectorEnv, obs: Mapping[str, NDArray[Any]], step: int) -> None:
    """Raise unless every environment has taken `step` steps."""
    expected = np.float32(step) / np.float32(envs.config.horizon)  # rounded as observations are
    expect(
        (obs["step"] == expected).all(),
        f"obs['step'] at the end of an episode in {envs.autoreset_mode}: expected {expected:g} in "
        f"every environment, got {obs['step'].ravel().tolist()}",
    )


def _choose_then(seed: int, action: int) -> Callable[[Mapping[str, NDArray[Any]]], Any]:
    """Return a function that selects valid actions, and `action` after the end of an episode."""
    choose = choose_valid(seed)

    def choose_or_repeat(obs: Mapping[str, NDArray[Any]]) -> Any:
        return np.where(obs["step"][:, 0] == 1.0, action, choose(obs))  # 1 where h = H

    return choose_or_repeat


_MODE_CHECKS: Mapping[AutoresetMode, Callable[[GCGenVectorEnv, int, list[TimeStep]], None]] = {
    AutoresetMode.NEXT_STEP: check_next_step,
    AutoresetMode.SAME_STEP: check_same_step,
    AutoresetMode.DISABLED: check_disabled,
}
