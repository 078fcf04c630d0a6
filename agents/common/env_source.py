"""Finds the configuration and the data of an environment, whatever is wrapped around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium import wrappers
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from agents.common.vec_env import GCGenVecEnv
from gcgen_env.config import EnvConfig, make_config
from gcgen_env.datasets import DataSource
from gcgen_env.env import GCGenEnv
from gcgen_env.model.build import OWN, open_data
from gcgen_env.model.open_sizes import fill_sizes
from gcgen_env.model.s_agent import SAgent
from gcgen_env.registration import default_kwargs
from gcgen_env.vector_env import GCGenVectorEnv

_HARMLESS = (
    *(wrappers.OrderEnforcing, wrappers.PassiveEnvChecker, wrappers.RecordEpisodeStatistics),
    *(Monitor, gym.wrappers.vector.RecordEpisodeStatistics),
)
"""Wrappers that change neither goals nor episodes."""


def find_source(
    env: Any,
    env_kwargs: dict[str, Any] | None = None,
    start: str | Path | SAgent | None = OWN,
    basis: int | None = None,
) -> tuple[EnvConfig, DataSource, int | None]:
    """Return the configuration and the data of an environment, and its number of environments.

    Args:
        env: An id, an `EnvConfig`, a `GCGenEnv`, a `GCGenVectorEnv`, a `GCGenVecEnv`, or a
            `DummyVecEnv`; monitors and the wrappers of `gym.make` around it are looked through.
            Data that an environment has loaded are shared.
        env_kwargs: Fields of `EnvConfig` to change; only with an id.
        start: The S-agent whose A and H are taken if an id or an `EnvConfig` leaves them open, and
            the basis of a fresh one; see `fill_sizes`.
        basis: See `start`.

    Raises:
        TypeError: If a keyword is not a field of `EnvConfig`.
        ValueError: If `env` is something else.
    """
    if not isinstance(env_kwargs, dict | None):
        raise ValueError(f"env_kwargs must be a dictionary of keywords, got {env_kwargs!r}")
    if isinstance(env, str):
        kwargs = {**default_kwargs(env.removeprefix("gcgen_env:")), **(env_kwargs or {})}
        kwargs.pop("render_mode", None)  # not a field of `EnvConfig`
        env = make_config(**kwargs)
    elif env_kwargs:
        raise ValueError("env_kwargs go with an id; an environment already has its own")
    if isinstance(env, EnvConfig):
        data = open_data(env)
        return fill_sizes(env, data, start, basis), data, None
    inner = unwrap(env)
    if isinstance(inner, DummyVecEnv):
        return _find_dummy(inner)
    if isinstance(inner, GCGenVectorEnv | GCGenEnv):
        num = inner.num_envs if isinstance(inner, GCGenVectorEnv) else None
        return inner.config, inner.episodes.data, num  # loaded once, shared
    raise ValueError(_explain(env, inner))


def unwrap(env: Any) -> Any:
    """Remove the wrappers that change neither goals nor episodes.

    Raises:
        ValueError: If a time limit ends episodes before the horizon.
    """
    while True:
        if isinstance(env, GCGenVecEnv):
            return env.envs
        if isinstance(env, VecMonitor):
            env = env.venv
        elif isinstance(env, wrappers.TimeLimit):
            _check_limit(env)
            env = env.env
        elif isinstance(env, _HARMLESS):
            env = env.env
        else:
            return env


def _check_limit(env: wrappers.TimeLimit) -> None:
    """Raise a ValueError if a time limit is shorter than the horizon."""
    limit, inner = env._max_episode_steps, env.unwrapped
    if isinstance(inner, GCGenEnv) and limit < inner.config.horizon:
        raise ValueError(
            f"a TimeLimit of {limit} steps ends episodes before horizon={inner.config.horizon}: "
            f"make the environment with horizon={limit} instead"
        )


def _find_dummy(env: DummyVecEnv) -> tuple[EnvConfig, DataSource, int | None]:
    """Return the source of the environments in a `DummyVecEnv`, which must be alike."""
    inner = [unwrap(each) for each in env.envs]
    others = [each for each in inner if not isinstance(each, GCGenEnv)]
    if others:
        raise ValueError(_explain(env, others[0]))
    if len({repr(each.config) for each in inner}) > 1:
        raise ValueError(
            "the environments of the DummyVecEnv differ: a model has one configuration"
        )
    return inner[0].config, inner[0].episodes.data, env.num_envs


def _explain(env: Any, inner: Any) -> str:
    """Return why something is no source of goals, and what to pass instead."""
    name = type(inner).__name__
    if isinstance(env, list | tuple):
        return (
            f"expected one environment, got a {name} of them; n_envs= sets how many goals are drawn"
        )
    if isinstance(inner, VecNormalize):
        return (
            "VecNormalize changes images and rewards, and the model uses neither: pass the "
            "environment inside, env.venv"
        )
    what = "a wrapper" if isinstance(inner, gym.Wrapper) else "an object"
    return (
        f"expected an id, a GCGenEnv or a GCGenVectorEnv, got {what} of type {name}; pass the "
        "unwrapped environment, whose goals the model uses"
    )
