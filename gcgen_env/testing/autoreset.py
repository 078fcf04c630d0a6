"""Checks of what happens after the end of an episode, for each autoreset mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from gcgen_env.testing.episodes import (
    Moment,
    choose_valid,
    expect,
    expect_raises,
    find_difference,
    roll,
)
from gcgen_env.vector_env import GCGenVectorEnv


def check_autoreset(envs: GCGenVectorEnv, seed: int) -> None:
    """Check that rows end after exactly H steps and then do what their mode says."""
    horizon = envs.config.horizon
    moments = roll(envs, seed, num_steps=horizon)
    for h, moment in enumerate(moments):
        expect(
            np.all(np.asarray(moment.terminated) == (h == horizon)),
            f"terminated must be {h == horizon} in every row at h={h}, got {moment.terminated}",
        )
    _MODE_CHECKS[envs.autoreset_mode](envs, seed, moments)


def check_next_step(envs: GCGenVectorEnv, seed: int, moments: list[Moment]) -> None:
    """Check NEXT_STEP: the step after the end pays nothing, ignores its action and resets."""
    expect_step(envs, moments[-1].obs, envs.config.horizon)
    horizon, num_proposals = envs.config.horizon, envs.config.num_proposals
    dead = [
        roll(envs, seed, choose=_choose_then(seed, action), num_steps=horizon + 1)[-1]
        for action in (0, num_proposals - 1)
    ]
    for moment in dead:
        expect_step(envs, moment.obs, 0)
        expect(not moment.reward.any(), f"the dead step must pay 0, got {moment.reward}")
        expect(not moment.terminated.any(), "the dead step must not terminate")
    first, second = (moment._replace(action=None) for moment in dead)
    difference = find_difference(first, second, name="results")
    expect(difference is None, f"the dead step must ignore its action; {difference}")


def check_same_step(envs: GCGenVectorEnv, seed: int, moments: list[Moment]) -> None:
    """Check SAME_STEP: the last step resets, and hands over what it ended with."""
    last = moments[-1]
    expect_step(envs, last.obs, 0)
    for moment in moments[:-1]:
        expect("final_obs" not in moment.info, "infos['final_obs'] belongs to ended rows only")
    for key in ("final_obs", "final_info"):
        expect(key in last.info, f"infos lack {key!r} though rows have ended")
    for row, obs in enumerate(last.info["final_obs"]):
        expect(
            envs.single_observation_space.contains(obs),
            f"infos['final_obs'][{row}] is not in single_observation_space",
        )
        expect(
            obs["step"][0] == 1.0,
            f"infos['final_obs'][{row}] must be at h = H, got step {obs['step'][0]:g}",
        )
    expect(
        (last.info["final_info"]["step"] == envs.config.horizon).all(),
        "infos['final_info']['step'] must be H",
    )


def check_disabled(envs: GCGenVectorEnv, seed: int, moments: list[Moment]) -> None:
    """Check DISABLED: ended rows wait for a reset, and `reset_mask` picks which are reset."""
    last = moments[-1]
    expect_step(envs, last.obs, envs.config.horizon)
    expect_raises(
        ResetNeeded, lambda: envs.step(last.action), "stepping ended rows must raise ResetNeeded"
    )
    mask = np.arange(envs.num_envs) % 2 == 0
    obs, _ = envs.reset(options={"reset_mask": mask})
    expect(not obs["step"][mask].any(), "reset(options={'reset_mask': ...}) must reset marked rows")
    kept = {key: value[~mask] for key, value in last.obs.items()}
    difference = find_difference(
        kept, {key: value[~mask] for key, value in obs.items()}, name="the observation"
    )
    expect(difference is None, f"reset_mask must leave the other rows alone; {difference}")
    if not mask.all():
        expect_raises(
            ResetNeeded,
            lambda: envs.step(last.action),
            "stepping must raise ResetNeeded while some rows have not been reset",
        )
        envs.reset(options={"reset_mask": ~mask})
    envs.step(choose_valid(seed)(obs))


def expect_step(envs: GCGenVectorEnv, obs: Mapping[str, NDArray[Any]], step: int) -> None:
    """Raise unless every row is at a step."""
    wanted = np.float32(step) / np.float32(envs.config.horizon)
    expect(
        (obs["step"] == wanted).all(),
        f"in {envs.autoreset_mode} obs['step'] must be {wanted:g} in every row here, got "
        f"{obs['step'].ravel().tolist()}",
    )


def _choose_then(seed: int, action: int) -> Callable[[Mapping[str, NDArray[Any]]], Any]:
    """Return a choice of valid actions, and one fixed action where episodes are over."""
    choose = choose_valid(seed)

    def choose_or_repeat(obs: Mapping[str, NDArray[Any]]) -> Any:
        return np.where(obs["step"][:, 0] == 1.0, action, choose(obs))

    return choose_or_repeat


_MODE_CHECKS: Mapping[AutoresetMode, Callable[[GCGenVectorEnv, int, list[Moment]], None]] = {
    AutoresetMode.NEXT_STEP: check_next_step,
    AutoresetMode.SAME_STEP: check_same_step,
    AutoresetMode.DISABLED: check_disabled,
}
