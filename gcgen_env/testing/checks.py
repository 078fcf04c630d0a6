"""The two entry points and the lists of their checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gcgen_env.env import GCGenEnv
from gcgen_env.testing import autoreset, common, observations, rewards, transitions, vector
from gcgen_env.vector_env import GCGenVectorEnv

GOAL_ENV_CHECKS: tuple[Callable[[GCGenEnv, int], None], ...] = (
    observations.check_spaces,
    observations.check_types,
    observations.check_images,
    observations.check_prior,
    observations.check_goal_is_hidden,
    common.check_masks,
    common.check_memory,
    common.check_seeding,
    common.check_wrong_actions,
    common.check_refused_resets,
    common.check_copies,
    transitions.check_transitions,
    transitions.check_invalid_actions,
    transitions.check_single_use,
    transitions.check_end,
    transitions.check_last_observation,
    transitions.check_reset_options,
    rewards.check_compute_reward,
    rewards.check_compute_reward_of_batches,
    rewards.check_reward_type,
    rewards.check_compute_terminated,
    rewards.check_purity,
)
"""Checks that `check_goal_env` runs, in this order."""

VECTOR_ENV_CHECKS: tuple[Callable[[GCGenVectorEnv, int], None], ...] = (
    vector.check_batched_spaces,
    vector.check_batched_types,
    vector.check_info_masks,
    common.check_masks,
    common.check_memory,
    common.check_seeding,
    common.check_wrong_actions,
    common.check_refused_resets,
    common.check_copies,
    autoreset.check_autoreset,
    autoreset.check_seeds,
    vector.check_batched_rewards,
    vector.check_single_environments,
)
"""Checks that `check_vector_env` runs, in this order."""


def check_goal_env(env: Any, seed: int = 0) -> None:
    """Check that an environment follows the interface of `GCGenEnv`.

    Args:
        env: An environment of `GCGenEnv` or a subclass; wrappers are removed. It is reset many
            times.
        seed: Seed of the episodes and of the actions.

    Raises:
        AssertionError: If a check fails; the message says what was expected.
        ValueError: If `env` is not a `GCGenEnv`.
    """
    inner = getattr(env, "unwrapped", env)
    if not isinstance(inner, GCGenEnv):
        raise ValueError(f"check_goal_env checks a GCGenEnv, got {type(inner).__name__}")
    for check in GOAL_ENV_CHECKS:
        check(inner, seed)


def check_vector_env(envs: Any, seed: int = 0) -> None:
    """Check that a vector environment follows the interface of `GCGenVectorEnv`.

    Args:
        envs: A vector environment of `GCGenVectorEnv` or a subclass; wrappers are removed. It is
            reset many times, and compared with a `GCGenEnv` that has the same `EnvConfig`.
        seed: Seed of the episodes and of the actions.

    Raises:
        AssertionError: If a check fails; the message says what was expected.
        ValueError: If `envs` is not a `GCGenVectorEnv`.
    """
    inner = getattr(envs, "unwrapped", envs)
    if not isinstance(inner, GCGenVectorEnv):
        raise ValueError(f"check_vector_env checks a GCGenVectorEnv, got {type(inner).__name__}")
    for check in VECTOR_ENV_CHECKS:
        check(inner, seed)
