"""Checks of the transitions, the end and the reset options of a single environment."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, pairwise
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from gcgen_env.env import GCGenEnv
from gcgen_env.goals import CUSTOM_GOAL
from gcgen_env.invalid_actions import find_most_probable
from gcgen_env.testing.episodes import Choice, expect, expect_equal, expect_raises, roll


def check_transitions(env: GCGenEnv, seed: int) -> None:
    """Check that a valid action leads to exactly the image of its proposal."""
    timesteps = roll(env, seed)
    if "proposals" not in timesteps[0].obs:  # obs_mode="compact"
        return
    for h, (before, after) in enumerate(pairwise(timesteps)):
        proposed = before.obs["proposals"][after.action]
        message = (
            f"obs['observation'] after action {after.action} at h={h}: expected exactly "
            f"obs['proposals'][{after.action}]"
        )
        expect_equal(after.obs["observation"], proposed, message)


def check_invalid_actions(env: GCGenEnv, seed: int) -> None:
    """Check that an invalid action does what `invalid_action` says, with the matching reward."""
    timesteps = roll(env, seed, choose=_choose_invalid())
    skips = env.config.invalid_action == "skip"
    for h, (before, after) in enumerate(pairwise(timesteps)):
        invalid = bool(before.obs["action_mask"][after.action] == 0)
        expect(
            after.info["invalid_action"] is invalid,
            f"info['invalid_action']: expected {invalid} after action {after.action} at h={h}",
        )
        if not invalid:  # every second action, or all if nucleus = 1
            continue
        image, goal = before.obs["achieved_goal"], before.obs["desired_goal"]
        if skips:
            message = "obs['achieved_goal'] after an invalid action: expected no change"
            expect_equal(after.obs["achieved_goal"], image, message)
        elif "proposals" in before.obs:
            best = find_most_probable(before.obs["log_prior"][None])[0]
            message = "obs['achieved_goal'] after an invalid action: expected the best prior's"
            expect_equal(after.obs["achieved_goal"], before.obs["proposals"][best], message)
        expect(after.info["step"] == h + 1, f"info['step']: expected {h + 1} after invalid actions")
        reached = after.obs["achieved_goal"]
        reward = env.compute_reward(reached, goal, {**after.info, "previous_achieved_goal": image})
        expect(
            after.reward == reward,
            f"reward of an invalid action: expected {reward}, that of the transition from the "
            f"state to the next one, got {after.reward}",
        )


def check_single_use(env: GCGenEnv, seed: int) -> None:
    """Check that with `single_use` exactly the chosen proposals become invalid."""
    if not env.config.single_use:
        return
    timesteps = roll(env, seed)
    valid = timesteps[0].obs["action_mask"].copy()
    for h, timestep in enumerate(timesteps[1:-1], start=1):
        valid[timestep.action] = 0
        message = f"obs['action_mask'] at h={h} with single_use: expected 0 for used proposals"
        expect_equal(timestep.obs["action_mask"], valid, message)


def check_end(env: GCGenEnv, seed: int) -> None:
    """Check that episodes terminate after exactly H steps and are never truncated."""
    horizon = env.config.horizon
    for h, timestep in enumerate(roll(env, seed)):
        expect(
            timestep.terminated is (h == horizon),
            f"terminated at h={h}: expected {h == horizon}, as every episode has H={horizon} steps",
        )
        expect(timestep.truncated is False, f"truncated at h={h}: expected False")
    expect_raises(ResetNeeded, lambda: env.step(0), "step() after the end: expected ResetNeeded")


def check_last_observation(env: GCGenEnv, seed: int) -> None:
    """Check that at h = H all proposals are the final image, valid, and equally probable."""
    obs = roll(env, seed)[-1].obs
    num_proposals = env.config.num_proposals
    uniform = np.full(num_proposals, -np.log(num_proposals), np.float32)
    expect_equal(obs["log_prior"], uniform, "obs['log_prior'] at h = H: expected uniform", 1e-6)
    expect(obs["action_mask"].all(), "obs['action_mask'] at h = H: expected only ones")
    if "proposals" in obs:
        repeated = np.repeat(obs["observation"][None], num_proposals, axis=0)  # (A, *S)
        message = "obs['proposals'] at h = H: expected A copies of obs['observation']"
        expect_equal(obs["proposals"], repeated, message)


def check_reset_options(env: GCGenEnv, seed: int) -> None:
    """Check the options of reset: goal_index, goal and initial_state."""
    likelihood = env.episodes.chain.likelihood
    image = np.full(env.episodes.shape, (likelihood.low + likelihood.high) / 2, np.float32)
    obs, info = env.reset(seed=seed, options={"goal_index": 0})
    message = "info['goal_index']: expected options['goal_index']"
    expect_equal(info["goal_index"], 0, message)
    obs, info = env.reset(seed=seed, options={"goal": image})
    expect_equal(obs["desired_goal"], image, "obs['desired_goal']: expected options['goal']")
    message = f"info['goal_index'] with options['goal']: expected {CUSTOM_GOAL}"
    expect_equal(info["goal_index"], CUSTOM_GOAL, message)
    obs, info = env.reset(seed=seed, options={"initial_state": image})
    message = "obs['observation']: expected options['initial_state']"
    expect_equal(obs["observation"], image, message, 1e-5)  # rounded on the way through x_0
    expect_raises(
        ValueError,
        lambda: env.reset(seed=seed, options={"no_such_option": 0}),
        "reset with an unknown option: expected a ValueError",
    )


def _choose_invalid() -> Choice:
    """Return a function that selects valid and, if there are any, invalid actions in turn."""
    turns = cycle((False, True))

    def choose(obs: Mapping[str, NDArray[Any]]) -> Any:
        mask = obs["action_mask"] == 1
        return (mask if next(turns) or mask.all() else ~mask).argmax()

    return choose
