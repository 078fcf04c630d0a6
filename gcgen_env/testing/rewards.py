"""Checks of the goal interface: rewards and ends recomputed from images."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any

import numpy as np

from gcgen_env.env import GCGenEnv
from gcgen_env.testing.episodes import Moment, expect, find_difference, roll


def check_reward_recomputes(env: GCGenEnv, seed: int) -> None:
    """Check that compute_reward gives exactly what step paid."""
    for moment in roll(env, seed)[1:]:
        reward = env.compute_reward(*_goals(moment), moment.info)
        expect(
            type(reward) is float and reward == moment.reward,
            f"compute_reward(achieved_goal, desired_goal, info) must be the float that step paid, "
            f"{moment.reward!r}, got {reward!r}",
        )


def check_reward_of_batches(env: GCGenEnv, seed: int) -> None:
    """Check that a batch of relabelled transitions is rewarded bit for bit like single ones."""
    moments = roll(env, seed)[1:]
    achieved = np.stack([moment.obs["achieved_goal"] for moment in moments])
    desired = achieved[::-1].copy()  # hindsight: goals are states reached
    infos = [moment.info for moment in moments]
    single = [env.compute_reward(*row) for row in zip(achieved, desired, infos, strict=True)]
    batched = {"previous_achieved_goal": np.stack([i["previous_achieved_goal"] for i in infos])}
    objects = np.empty(len(infos), dtype=object)
    objects[:] = infos
    forms = {"a list of dicts": infos, "an object array": objects, "a dict of arrays": batched}
    for name, info in forms.items():
        rewards = env.compute_reward(achieved, desired, info)
        difference = find_difference(rewards, np.array(single, dtype=np.float64))
        expect(
            difference is None,
            f"compute_reward of a batch, info being {name}, must equal the single rewards bit for "
            f"bit; {difference}",
        )


def check_reward_type(env: GCGenEnv, seed: int) -> None:
    """Check that rewards are what `reward_type` says, in terms of info's own numbers."""
    config = env.config
    moments = roll(env, seed)
    for before, after in pairwise(moments):
        potential, distance = after.info["potential"], after.info["distance"]
        success = distance <= config.success_threshold
        expect(
            after.info["is_success"] is success,
            f"info['is_success'] must be {success} at distance {distance:g}",
        )
        promised = {
            "potential": config.gamma * potential - before.info["potential"],
            "distance": -distance,
            "sparse": float(success) - 1.0,
        }[config.reward_type]
        expect(
            math.isclose(after.reward, promised, rel_tol=1e-9, abs_tol=1e-6),
            f"a {config.reward_type!r} reward must be {promised:g} here, got {after.reward:g}",
        )
    if config.reward_type == "potential" and config.gamma == 1.0:
        gain = moments[-1].info["potential"] - moments[0].info["potential"]
        total = sum(moment.reward for moment in moments)
        expect(
            math.isclose(total, gain, rel_tol=1e-9, abs_tol=1e-6),
            f"at gamma = 1 the return must telescope to Phi(x_H) - Phi(x_0) = {gain:g}, got "
            f"{total:g}",
        )


def check_ends_recompute(env: GCGenEnv, seed: int) -> None:
    """Check compute_terminated and compute_truncated, with the goal reached and with another."""
    for moment in roll(env, seed)[1:]:
        achieved, desired = _goals(moment)
        for goal in (desired, achieved):
            terminated = env.compute_terminated(achieved, goal, moment.info)
            expect(
                terminated is moment.terminated,
                f"compute_terminated must be {moment.terminated} at h={moment.info['step']}, "
                f"whatever the goal, got {terminated!r}",
            )
            truncated = env.compute_truncated(achieved, goal, moment.info)
            expect(truncated is False, f"compute_truncated must be False, got {truncated!r}")


def check_purity(env: GCGenEnv, seed: int) -> None:
    """Check that the compute methods change neither the environment nor their arguments."""
    moments = roll(env, seed)

    def call(moment: Moment) -> None:
        achieved, desired = _goals(moment)
        _check_calls(env, (achieved, desired, moment.info))

    def call_swapped(moment: Moment) -> None:
        achieved, desired = _goals(moment)
        _check_calls(env, (desired, achieved, moment.info))

    for watch in (call, call_swapped):
        difference = find_difference(moments, roll(env, seed, watch=watch), name="results")
        expect(
            difference is None,
            f"calling the compute methods between steps changed the episode ({difference}): they "
            "must be pure",
        )


def _check_calls(env: GCGenEnv, arguments: tuple[Any, ...]) -> None:
    """Call each compute method twice with the same arguments."""
    before = copy.deepcopy(arguments)
    for name in ("compute_reward", "compute_terminated", "compute_truncated"):
        first, second = (getattr(env, name)(*arguments) for _ in range(2))
        expect(first == second, f"{name} called twice gave {first!r} and {second!r}")
        difference = find_difference(before, arguments, name="an argument")
        expect(difference is None, f"{name} must not change its arguments; {difference}")


def _goals(moment: Moment) -> tuple[Any, Any]:
    """Return the achieved and the desired goal."""
    return moment.obs["achieved_goal"], moment.obs["desired_goal"]
