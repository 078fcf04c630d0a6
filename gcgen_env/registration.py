"""Registers every environment id with Gymnasium."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import gymnasium as gym

from gcgen_env.config import ENV_CONFIGS, EnvConfig


def default_kwargs(env_id: str) -> dict[str, Any]:
    """Return the keyword arguments an id is registered with, JSON values.

    Raises:
        ValueError: If the id is not ours.
    """
    if env_id not in ENV_CONFIGS:
        raise ValueError(f"unknown id {env_id!r}; ours are {', '.join(ENV_CONFIGS)}")
    usual, config = EnvConfig(), ENV_CONFIGS[env_id]
    pairs = ((f.name, getattr(config, f.name), getattr(usual, f.name)) for f in fields(config))
    sizes = ("num_proposals", "horizon")
    return {name: own for name, own, default in pairs if own != default or name in sizes}


def register_envs() -> None:
    """Register the ids; harmless when done twice."""
    for env_id in ENV_CONFIGS:
        if env_id not in gym.registry:
            gym.register(
                id=env_id,
                entry_point="gcgen_env.env:GCGenEnv",
                vector_entry_point="gcgen_env.vector_env:GCGenVectorEnv",
                kwargs=default_kwargs(env_id),
            )
