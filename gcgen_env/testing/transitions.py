"""Checks of how a single environment moves: choices, the end, what a reset can force."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, pairwise
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from gcgen_env.env import GCGenEnv
from gcgen_env.goals import CUSTOM_GOAL
from gcgen_env.testing.episodes import Choice, expect, expect_raises, find_difference, roll


def check_proposals_come_true(env: GCGenEnv, seed: int) -> None:
    """Check that a valid choice leads to exactly the image that was proposed."""
    moments = roll(env, seed)
    if "proposals" not in moments[0].obs:
        return
    for h, (before, after) in enumerate(pairwise(moments)):
        proposed = before.obs["proposals"][after.action]
        difference = find_difference(proposed, after.obs["observation"])
        expect(
            difference is None,
            f"the observation after action {after.action} at h={h} must be "
            f"obs['proposals'][{after.action}] bit for bit; {difference}",
        )


def check_invalid_actions(env: GCGenEnv, seed: int) -> None:
    """Check that an invalid action leaves the state, advances h, and is paid as nothing moved."""
    moments = roll(env, seed, choose=_choose_invalid())
    for h, (before, after) in enumerate(pairwise(moments)):
        invalid = bool(before.obs["action_mask"][after.action] == 0)
        expect(
            after.info["invalid_action"] is invalid,
            f"info['invalid_action'] must be {invalid} after action {after.action} at h={h}",
        )
        if not invalid:
            continue
        image, goal = before.obs["achieved_goal"], before.obs["desired_goal"]
        difference = find_difference(image, after.obs["achieved_goal"])
        expect(difference is None, f"an invalid action must leave the state; {difference}")
        expect(after.info["step"] == h + 1, "an invalid action must advance the step")
        null = {**after.info, "previous_achieved_goal": image}
        reward = env.compute_reward(image, goal, null)
        expect(
            after.reward == reward,
            f"the reward of an invalid action must be that of the null transition, {reward}, "
            f"got {after.reward}: no special value",
        )


def check_end(env: GCGenEnv, seed: int) -> None:
    """Check that episodes terminate after exactly H steps and are never truncated."""
    horizon = env.config.horizon
    for h, moment in enumerate(roll(env, seed)):
        expect(
            moment.terminated is (h == horizon),
            f"terminated must be {h == horizon} at h={h}: an episode ends after H={horizon} "
            "steps, whatever the goal",
        )
        expect(
            moment.truncated is False,
            f"truncated must be False at h={h}: the horizon belongs to the task",
        )
    expect_raises(ResetNeeded, lambda: env.step(0), "step() after the end must raise ResetNeeded")


def check_last_observation(env: GCGenEnv, seed: int) -> None:
    """Check that at h = H nothing is left to choose: same proposals, uniform prior, all valid."""
    obs = roll(env, seed)[-1].obs
    num_proposals = env.config.num_proposals
    uniform = np.full(num_proposals, -np.log(num_proposals), np.float32)
    difference = find_difference(obs["log_prior"], uniform, 1e-6)
    expect(difference is None, f"at h = H obs['log_prior'] must be uniform; {difference}")
    expect(obs["action_mask"].all(), "at h = H obs['action_mask'] must be all ones")
    if "proposals" in obs:
        repeated = np.repeat(obs["observation"][None], num_proposals, axis=0)
        difference = find_difference(obs["proposals"], repeated)
        expect(difference is None, f"at h = H obs['proposals'] must repeat the image; {difference}")


def check_reset_options(env: GCGenEnv, seed: int) -> None:
    """Check that a reset can force the goal, its index and the initial state."""
    likelihood = env.core.chain.likelihood
    image = np.full(env.core.shape, (likelihood.low + likelihood.high) / 2, np.float32)
    obs, info = env.reset(seed=seed, options={"goal_index": 0})
    expect(info["goal_index"] == 0, f"options['goal_index']=0 gave goal {info['goal_index']}")
    obs, info = env.reset(seed=seed, options={"goal": image})
    difference = find_difference(obs["desired_goal"], image)
    expect(difference is None, f"options['goal'] must become obs['desired_goal']; {difference}")
    expect(
        info["goal_index"] == CUSTOM_GOAL,
        f"info['goal_index'] must be {CUSTOM_GOAL} for a goal that was given",
    )
    obs, info = env.reset(seed=seed, options={"initial_state": image})
    difference = find_difference(obs["observation"], image, 1e-5)
    expect(difference is None, f"options['initial_state'] must be the first image; {difference}")
    expect_raises(
        ValueError,
        lambda: env.reset(seed=seed, options={"no_such_option": 0}),
        "an unknown reset option must raise a ValueError that lists the known ones",
    )


def _choose_invalid() -> Choice:
    """Return a choice of invalid actions, where there are any, and valid ones, by turns."""
    turns = cycle((False, True))

    def choose(obs: Mapping[str, NDArray[Any]]) -> Any:
        mask = obs["action_mask"] == 1
        return (mask if next(turns) or mask.all() else ~mask).argmax()

    return choose
