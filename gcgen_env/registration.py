"""Registration of the environments with Gymnasium."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from gcgen_env.config import ENV_CONFIGS, EnvConfig


def default_kwargs(env_id: str) -> dict[str, Any]:
    """Return the keyword arguments that an id is registered with, as JSON values.

    Raises:
        ValueError: If the id is not one of `ENV_IDS`.
    """
    if env_id not in ENV_CONFIGS:
        raise ValueError(f"unknown id {env_id!r}, expected one of {', '.join(ENV_CONFIGS)}")
    config, default = vars(ENV_CONFIGS[env_id]), vars(EnvConfig())
    sizes = ("num_proposals", "horizon")  # shown even if they are the defaults
    return {k: v for k, v in config.items() if v != default[k] or k in sizes}


def register_envs() -> None:
    """Register every id; a second call changes nothing."""
    for env_id in ENV_CONFIGS:
        if env_id not in gym.registry:  # a second registration would warn
            gym.register(
                id=env_id,
                entry_point="gcgen_env.env:GCGenEnv",
                vector_entry_point="gcgen_env.vector_env:GCGenVectorEnv",
                kwargs=default_kwargs(env_id),
            )
