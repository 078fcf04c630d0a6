"""Registration of the environments with Gymnasium."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from gcgen_env.config import EnvConfig
from gcgen_env.tasks import ENV_CONFIGS


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


def flat_id(env_id: str) -> str:
    """Return the id with vectors as observations: GCGen-Digits-v0 has GCGen-Digits-Flat-v0."""
    name, version = env_id.rsplit("-", 1)
    return f"{name}-Flat-{version}"


def register_envs() -> None:
    """Register every id and its flat twin; a second call changes nothing."""
    for env_id in ENV_CONFIGS:
        kwargs = default_kwargs(env_id)
        makers = "gcgen_env.env:GCGenEnv", "gcgen_env.tensor_vector_env:make_vector_env"
        _register(env_id, *makers, kwargs)
        makers = "gcgen_env.wrappers:make_flat", "gcgen_env.wrappers:make_flat_vec"
        _register(flat_id(env_id), *makers, {**kwargs, "obs_mode": "compact"})


def _register(env_id: str, maker: str, vector_maker: str, kwargs: dict[str, Any]) -> None:
    """Register an id with Gymnasium."""
    if env_id not in gym.registry:  # a second registration would warn
        gym.register(id=env_id, entry_point=maker, vector_entry_point=vector_maker, kwargs=kwargs)
