"""The two entry points and the lists of what they run."""

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
    transitions.check_proposals_come_true,
    transitions.check_invalid_actions,
    transitions.check_end,
    transitions.check_last_observation,
    transitions.check_reset_options,
    rewards.check_reward_recomputes,
    rewards.check_reward_of_batches,
    rewards.check_reward_type,
    rewards.check_ends_recompute,
    rewards.check_purity,
)
"""What `check_goal_env` runs, in this order."""

VECTOR_ENV_CHECKS: tuple[Callable[[GCGenVectorEnv, int], None], ...] = (
    vector.check_batched_spaces,
    vector.check_batched_types,
    vector.check_info_masks,
    common.check_masks,
    common.check_memory,
    common.check_seeding,
    common.check_wrong_actions,
    autoreset.check_autoreset,
    vector.check_batched_rewards,
    vector.check_rows_agree,
)
"""What `check_vector_env` runs, in this order."""


def check_goal_env(env: Any, seed: int = 0) -> None:
    """Check that a single environment keeps the contract of `GCGenEnv`.

    Args:
        env: A `GCGenEnv`, a subclass of it, or either of them wrapped by `gym.make`; what is
            checked is `env.unwrapped`. It is reset many times and left in some state.
        seed: Seeds the episodes and the actions taken in them.

    Raises:
        AssertionError: If a promise is broken; the sentence says which.
        ValueError: If `env` is something else.
    """
    inner = getattr(env, "unwrapped", env)
    if not isinstance(inner, GCGenEnv):
        raise ValueError(f"check_goal_env checks a GCGenEnv, got {type(inner).__name__}")
    for check in GOAL_ENV_CHECKS:
        check(inner, seed)


def check_vector_env(envs: Any, seed: int = 0) -> None:
    """Check that a vector environment keeps the contract of `GCGenVectorEnv`.

    Its rows are compared with a `GCGenEnv` made of the same `EnvConfig`.

    Args:
        envs: A `GCGenVectorEnv`, a subclass of it, or either of them wrapped. It is reset many
            times and left in some state.
        seed: Seeds the episodes and the actions taken in them.

    Raises:
        AssertionError: If a promise is broken; the sentence says which.
        ValueError: If `envs` is something else.
    """
    inner = getattr(envs, "unwrapped", envs)
    if not isinstance(inner, GCGenVectorEnv):
        raise ValueError(f"check_vector_env checks a GCGenVectorEnv, got {type(inner).__name__}")
    for check in VECTOR_ENV_CHECKS:
        check(inner, seed)
