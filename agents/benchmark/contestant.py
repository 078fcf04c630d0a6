"""What takes part in a benchmark: an algorithm to train, or an agent without learning."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from agents.common.evaluation import Agent
from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.common.memory import check_fits
from agents.common.vec_env import GCGenVecEnv
from agents.gcgen import GCGen
from gcgen_env.vector_env import GCGenVectorEnv


@dataclass(frozen=True)
class Contestant:
    """One line of the tables of results."""

    name: str
    """Its name."""
    make: Callable[[Any, int], Any]
    """Builds the model or agent from its environments, an SB3 `VecEnv`, and a seed."""
    learns: bool = True
    """Whether it is trained."""
    flat: bool = False
    """Whether its observations are flattened into one vector."""
    num_envs: int = 8
    """Number of environments in which it is trained in parallel."""
    options: dict[str, Any] = field(default_factory=dict)
    """Algorithm, policy and hyperparameters, as JSON values."""
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    """Keywords of its training environments that differ from those of the evaluation."""

    def describe(self) -> dict[str, Any]:
        """Return what decides its results, as JSON values."""
        names = ("options", "env_kwargs", "num_envs", "flat", "learns")
        return {name: getattr(self, name) for name in names}

    def make_env(self, env: str, **kwargs: Any) -> VecEnv:
        """Build the environments in which it is trained."""
        kwargs = {**kwargs, **self.env_kwargs}
        if self.flat:
            return DummyVecEnv([lambda: _make_flat(env, kwargs) for _ in range(self.num_envs)])
        envs = gym.make_vec(env, num_envs=self.num_envs, autoreset_mode="SameStep", **kwargs)
        assert isinstance(envs, GCGenVectorEnv)  # what the ids register as vector environment
        return GCGenVecEnv(envs)

    def adapt(self, model: Any) -> Agent:
        """Return an agent that accepts the observations of the evaluation."""
        if self.flat or self.env_kwargs.get("obs_mode") == "compact":
            return _Adapter(model, self.flat)  # the evaluation always shows proposals
        return model


class _Adapter:
    """Converts the observations of the evaluation to those that a model was trained on."""

    def __init__(self, model: Any, flat: bool) -> None:
        """Store the model, and whether it reads vectors."""
        self.model = model
        self.flat = flat

    def predict(
        self, observation: Any, state: Any, episode_start: Any, deterministic: bool
    ) -> tuple[NDArray[Any], Any]:
        """Return the actions (N,) for batched observations."""
        shown: Any = {key: value for key, value in observation.items() if key != "proposals"}
        if self.flat:
            parts = [value.reshape(len(value), -1) for value in shown.values()]
            shown = np.concatenate(parts, axis=1, dtype=np.float32)  # as FlattenObservation does
        return self.model.predict(shown, state, episode_start, deterministic)


def _make_flat(env: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """Build one environment whose observations are vectors."""
    return gym.wrappers.FlattenObservation(gym.make(env, **kwargs))


def make_learner(
    name: str,
    algorithm: type[BaseAlgorithm],
    policy: Any = "MultiInputPolicy",
    env_kwargs: dict[str, Any] | None = None,
    flat: bool = False,
    num_envs: int = 8,
    **options: Any,
) -> Contestant:
    """Return a contestant that trains an algorithm of SB3, contrib or this library."""

    def make(env: VecEnv, seed: int) -> BaseAlgorithm:
        _check_memory(env, options)
        own = deepcopy(options)  # A2C writes into its policy_kwargs
        return algorithm(policy, env, seed=seed, device="cpu", **own)

    described = {"algorithm": algorithm, "policy": policy, **options}
    named = {k: v.__name__ if isinstance(v, type) else v for k, v in described.items()}
    return Contestant(
        name, make, flat=flat, num_envs=num_envs, options=named, env_kwargs=env_kwargs or {}
    )


def _check_memory(env: VecEnv, options: dict[str, Any]) -> None:
    """Raise a MemoryError if the buffer of an algorithm would not fit into memory."""
    if "buffer_size" in options and options.get("replay_buffer_class") is not GoalReplayBuffer:
        check_fits(options["buffer_size"], env.observation_space, copies=2)  # obs and next_obs
    elif "n_steps" in options:
        check_fits(options["n_steps"] * env.num_envs, env.observation_space)  # obs alone


def make_gcgen(name: str, **options: Any) -> Contestant:
    """Return a contestant that trains the GC-agent of `GCGen` on the environment's S-agent."""

    def make(env: GCGenVecEnv, seed: int) -> GCGen:
        s_agent = env.envs.config.proposer
        return GCGen(
            "GCPolicy",
            env,
            s_agent=s_agent,
            train_s_agent=False,  # another S-agent would be another task
            seed=seed,
            device="cpu",
            **options,
        )

    described = {"algorithm": "GCGen", "train_s_agent": False, **options}
    return Contestant(name, make, num_envs=options["batch_size"], options=described)
