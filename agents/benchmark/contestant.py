"""What takes part in a benchmark: an algorithm to train, or an agent without learning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from agents.benchmark.search_spaces import SPACES, Space, find_values
from agents.benchmark.tasks import TRACKS
from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.common.memory import check_fits
from agents.common.vec_env import GCGenVecEnv
from agents.gcgen import GCGen
from gcgen_env.config import LIKELIHOODS
from gcgen_env.tasks import ENV_CONFIGS
from gcgen_env.vector_env import GCGenVectorEnv

ALL_TRACKS = tuple(TRACKS)
LOOK_AHEADS = ("", "one step", "search")
"""What may be computed from the previews besides a policy."""


@dataclass(frozen=True)
class Contestant:
    """One line of the tables of results."""

    name: str
    """Its name."""
    make: Callable[[Any, int], Any]
    """Builds the model or agent from its environments, an SB3 `VecEnv`, and a seed."""
    learns: bool = True
    """Whether it is trained."""
    look_ahead: str = ""
    """What it computes from the previews besides its policy, one of `LOOK_AHEADS`."""
    tracks: tuple[str, ...] = ALL_TRACKS
    """Tracks in which it takes part."""
    most_timesteps: int | None = None
    """Most decisions of its training; None sets no limit."""
    likelihoods: tuple[str, ...] = LIKELIHOODS
    """Likelihoods of the tasks in which it takes part."""
    num_envs: int = 64
    """Number of environments in which it is trained in parallel."""
    options: dict[str, Any] = field(default_factory=dict)
    """Algorithm, policy and hyperparameters, as JSON values."""
    space: Space = field(default_factory=dict)
    """Ranges of the hyperparameters that can be tuned."""
    values: dict[str, Any] = field(default_factory=dict)
    """Value of each of them."""
    remake: Callable[[dict[str, Any]], Contestant] | None = None
    """Makes the same contestant with other hyperparameters."""

    def configure(self, settings: Mapping[str, Any]) -> Contestant:
        """Return the same contestant with other values of some hyperparameters.

        Args:
            settings: Values by name, as in JSON: a list of two learning rates is a pair.
        """
        assert self.remake is not None, f"{self.name} has no search space"
        pairs = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        return self.remake(pairs)

    def describe(self) -> dict[str, Any]:
        """Return what decides its results, as JSON values."""
        names = ("options", "num_envs", "learns", "look_ahead")
        return {name: getattr(self, name) for name in names}

    def takes_part(self, env: str, track: str) -> bool:
        """Return whether it is compared with others on an id in a track."""
        return track in self.tracks and ENV_CONFIGS[env].likelihood in self.likelihoods

    def limit(self, timesteps: int) -> int:
        """Return the number of decisions of its training, given that of others."""
        if not self.learns:
            return 0
        return timesteps if self.most_timesteps is None else min(timesteps, self.most_timesteps)

    def make_env(self, env: str, **kwargs: Any) -> GCGenVecEnv:
        """Build the environments in which it is trained."""
        envs = gym.make_vec(env, num_envs=self.num_envs, autoreset_mode="SameStep", **kwargs)
        assert isinstance(envs, GCGenVectorEnv)  # what the ids register as vector environment
        return GCGenVecEnv(envs)


def make_learner(
    name: str,
    algorithm: type[BaseAlgorithm],
    policy: Any = "MultiInputPolicy",
    tracks: tuple[str, ...] = ALL_TRACKS,
    look_ahead: str = "",
    most_timesteps: int | None = None,
    likelihoods: tuple[str, ...] = LIKELIHOODS,
    **options: Any,
) -> Contestant:
    """Return a contestant that trains an algorithm of SB3, contrib or this library.

    A pair as `learning_rate` falls linearly from the first to the second.
    """

    def make(env: VecEnv, seed: int) -> BaseAlgorithm:
        _check_memory(env, options)
        own = deepcopy(options)  # A2C writes into its policy_kwargs
        if isinstance(own.get("learning_rate"), tuple):  # the first and the last rate
            first, last = own["learning_rate"]
            own["learning_rate"] = LinearSchedule(first, last, 1.0)
        return algorithm(policy, env, seed=seed, device="cpu", **own)

    def remake(settings: dict[str, Any]) -> Contestant:
        changed = {**options, **settings}
        limits = (tracks, look_ahead, most_timesteps, likelihoods)
        return make_learner(name, algorithm, policy, *limits, **changed)

    space = SPACES.get(name) or SPACES.get(algorithm.__name__, {})
    described = {"algorithm": algorithm, "policy": policy, **options}
    named = {k: v.__name__ if isinstance(v, type) else v for k, v in described.items()}
    return Contestant(
        name,
        make,
        look_ahead=look_ahead,
        tracks=tracks,
        most_timesteps=most_timesteps,
        likelihoods=likelihoods,
        options=named,
        space=space,
        values=find_values(space, options, algorithm),
        remake=remake,
    )


def _check_memory(env: VecEnv, options: dict[str, Any]) -> None:
    """Raise a MemoryError if the buffer of an algorithm would not fit into memory."""
    if "buffer_size" in options and options.get("replay_buffer_class") is not GoalReplayBuffer:
        check_fits(options["buffer_size"], env.observation_space, copies=2)  # obs and next_obs
    elif "n_steps" in options:
        check_fits(options["n_steps"] * env.num_envs, env.observation_space)  # obs alone


def make_gcgen(
    name: str,
    policy: str = "GCPolicy",
    look_ahead: str = "one step",
    most_timesteps: int | None = None,
    **options: Any,
) -> Contestant:
    """Return a contestant that trains the GC-agent of `GCGen` on the environment's proposals."""

    def make(env: GCGenVecEnv, seed: int) -> GCGen:
        return GCGen(
            policy,
            env,
            s_agent="environment",
            train_s_agent=False,  # another S-agent would be another task
            seed=seed,
            device="cpu",
            **options,
        )

    space = SPACES["GCGen"]
    described = {"algorithm": "GCGen", "train_s_agent": False, **options}
    if policy != "GCPolicy":  # earlier runs keep their digests
        described["policy"] = policy
    return Contestant(
        name,
        make,
        look_ahead=look_ahead,
        tracks=("previews",),
        most_timesteps=most_timesteps,
        num_envs=options["batch_size"],
        options=described,
        space=space,
        values=find_values(space, options, GCGen),
        remake=lambda settings: make_gcgen(
            name, policy, look_ahead, most_timesteps, **{**options, **settings}
        ),
    )
