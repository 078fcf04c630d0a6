"""Who takes part: algorithms with the policy they use, and references that learn nothing.

A name is "algorithm" for the default policy, which flattens what it is shown,
"algorithm+proposals" for one that scores proposals and starts with what each of them gains at
once, or "algorithm+pointer" for one that scores them and knows nothing at first. All use SB3's
and contrib's own classes.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import ARS, QRDQN, TRPO, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from agents.baselines import GreedyAgent, PriorAgent, RandomAgent
from agents.common.evaluation import Agent
from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.common.memory import check_fits
from agents.common.vec_env import GCGenVecEnv
from agents.gcgen import GCGen, GCPolicy, MaskableGCPolicy
from agents.gcgen.search import beam_search
from agents.maskable_dqn import MaskableDQN
from agents.maskable_qrdqn import MaskableQRDQN
from gcgen_env.config import EnvConfig
from gcgen_env.vector_env import GCGenVectorEnv

ON_POLICY: dict[str, Any] = {"n_steps": 128, "batch_size": 256, "gamma": 1.0, "ent_coef": 0.0}
"""PPO and its relatives: 1,024 decisions of 8 environments between two updates."""
OFF_POLICY: dict[str, Any] = {
    "buffer_size": 20_000,
    "learning_starts": 1_000,
    "batch_size": 128,
    "gamma": 1.0,
    "train_freq": 2,
    "gradient_steps": 2,
    "target_update_interval": 500,
    "exploration_fraction": 0.3,
    "learning_rate": 5e-4,
}
"""DQN and its relatives: a gradient step for every 8 decisions of 8 environments."""
FROZEN: dict[str, Any] = {
    "batch_size": 32,
    "gc_learning_rate": 3e-3,
    "precision": "float32",  # alike on all processors
}
"""The GC-agent of `GCGen` on a frozen S-agent: an update for every 32 trajectories."""


@dataclass(frozen=True)
class Contestant:
    """One row of the results."""

    name: str
    """What it is called."""
    make: Callable[[VecEnv, int], Any]
    """Builds the model or agent, given its environments and a seed."""
    learns: bool = True
    """Whether it is trained."""
    flat: bool = False
    """Whether it needs observations as one vector."""
    num_envs: int = 8
    """Environments that it learns in at once."""
    options: dict[str, Any] = field(default_factory=dict)
    """Algorithm, policy and hyperparameters, as JSON values."""
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    """How its environments differ from those it is evaluated in."""

    def describe(self) -> dict[str, Any]:
        """Return what decides its results, as JSON values."""
        names = ("options", "env_kwargs", "num_envs", "flat", "learns")
        return {name: getattr(self, name) for name in names}

    def make_env(self, env: str, **kwargs: Any) -> VecEnv:
        """Make the environments that it learns in."""
        kwargs = {**kwargs, **self.env_kwargs}
        if self.flat:
            return DummyVecEnv([lambda: _make_flat(env, kwargs) for _ in range(self.num_envs)])
        envs = gym.make_vec(env, num_envs=self.num_envs, autoreset_mode="SameStep", **kwargs)
        assert isinstance(envs, GCGenVectorEnv)
        return GCGenVecEnv(envs)

    def play(self, model: Any, envs: GCGenVectorEnv) -> Agent:
        """Return what plays in the evaluation."""
        if self.flat or self.env_kwargs.get("obs_mode") == "compact":
            return _Converted(model, self.flat)
        return model


class _Converted:
    """Shows a model what it has learned to read: no proposals, or one vector."""

    def __init__(self, model: Any, flat: bool) -> None:
        """Note the model, and whether it reads vectors."""
        self.model = model
        self.flat = flat

    def predict(
        self, observation: Any, state: Any, episode_start: Any, deterministic: bool
    ) -> tuple[NDArray[Any], Any]:
        """Return the actions (N,) for batched observations."""
        shown: Any = {key: value for key, value in observation.items() if key != "proposals"}
        if self.flat:
            parts = [value.reshape(len(value), -1) for value in shown.values()]
            shown = np.concatenate(parts, axis=1, dtype=np.float32)
        return self.model.predict(shown, state, episode_start, deterministic)


def _make_flat(env: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """Make one environment whose observations are vectors."""
    return gym.wrappers.FlattenObservation(gym.make(env, **kwargs))


def _learner(
    name: str,
    algorithm: type[BaseAlgorithm],
    policy: Any = "MultiInputPolicy",
    env_kwargs: dict[str, Any] | None = None,
    flat: bool = False,
    num_envs: int = 8,
    **options: Any,
) -> Contestant:
    """Describe an algorithm of SB3, contrib or this library."""

    def make(env: VecEnv, seed: int) -> BaseAlgorithm:
        _check_memory(env, options)
        own = deepcopy(options)  # A2C writes into its policy_kwargs
        return algorithm(policy, env, seed=seed, device="cpu", **own)

    described = {"algorithm": algorithm.__name__, "policy": _name(policy)}
    described |= {key: _name(value) for key, value in options.items()}
    return Contestant(
        name,
        make,
        flat=flat,
        num_envs=num_envs,
        options=described,
        env_kwargs=env_kwargs or {},
    )


def _name(value: Any) -> Any:
    """Return the name of a class, any other value as it is."""
    return value.__name__ if isinstance(value, type) else value


def _check_memory(env: VecEnv, options: dict[str, Any]) -> None:
    """Raise a MemoryError if what the algorithm stores would not fit."""
    if "buffer_size" in options and options.get("replay_buffer_class") is not GoalReplayBuffer:
        check_fits(options["buffer_size"], env.observation_space, copies=2)
    elif "n_steps" in options:
        check_fits(options["n_steps"] * env.num_envs, env.observation_space)


def _gcgen(name: str, **changes: Any) -> Contestant:
    """Describe the GC-agent of `GCGen`, trained on the environment's own S-agent."""

    def make(env: VecEnv, seed: int) -> GCGen:
        assert isinstance(env, GCGenVecEnv)
        proposer = env.envs.config.proposer
        return GCGen(
            "GCPolicy", env, s_agent=proposer, train_s_agent=False, seed=seed, device="cpu", **own
        )

    own = {**FROZEN, **changes}
    options = {"algorithm": "GCGen", "train_s_agent": False, **own}
    return Contestant(name, make, num_envs=own["batch_size"], options=options)


def _reference(
    name: str, make: Callable[[Any, int], Any], options: dict[str, Any] | None = None
) -> Contestant:
    """Describe an agent that learns nothing."""

    def make_of(env: Any, seed: int) -> Any:
        return make(env.envs, seed)

    return Contestant(name, make_of, learns=False, options=options or {})


class BeamAgent:
    """Plays the codes that a beam search finds for the goals, whatever their prior."""

    def __init__(self, config: EnvConfig, width: int = 16) -> None:
        """Load the environment's S-agent; `width` is that of the beam."""
        env = GCGenVectorEnv(1, **vars(config))
        self.model = GCGen("GCPolicy", env, s_agent=config.proposer, device="cpu")
        self.width = width

    def predict(
        self,
        observation: Any,
        state: NDArray[np.int64] | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the next choices, shape (N,), and the codes (N, H) as the state."""
        if state is None:
            goal = torch.from_numpy(observation["desired_goal"])
            state = beam_search(self.model.chain, goal, self.width, prior=False).numpy()
        h = np.rint(observation["step"][:, 0] * state.shape[1]).astype(np.int64)
        return state[np.arange(len(state)), h], state


BEAM: dict[str, Any] = {"width": 16}
COMPACT: dict[str, Any] = {"obs_mode": "compact"}
QUANTILES: dict[str, Any] = {"policy_kwargs": {"n_quantiles": 50}}
NO_HINDSIGHT: dict[str, Any] = {"n_sampled_goal": 0}
"""A GoalReplayBuffer that stores no proposals and relabels nothing."""
_A2C: dict[str, Any] = {"n_steps": 16, "gamma": 1.0, "ent_coef": 0.0}
_LOOKING: dict[str, Any] = {"policy_kwargs": {"prior": False}}
"""A policy that is not asked to stay near the prior, as no reward says so."""
_POINTING: dict[str, Any] = {"policy_kwargs": {"prior": False, "look_ahead": None}}
"""A policy that is not told what a proposal gains, and has to learn it."""

CONTESTANTS: dict[str, Contestant] = {
    each.name: each
    for each in (
        _reference("random", lambda envs, seed: RandomAgent(seed)),
        _reference("prior", lambda envs, seed: PriorAgent(seed)),
        _reference("greedy", lambda envs, seed: GreedyAgent(envs)),
        _reference(
            "beam", lambda envs, seed: BeamAgent(envs.config, **BEAM), options={"search": BEAM}
        ),
        _learner("ppo", PPO, **ON_POLICY),
        _learner("ppo+proposals", PPO, GCPolicy, **ON_POLICY, **_LOOKING),
        _learner("a2c", A2C, **_A2C),
        _learner("a2c+proposals", A2C, GCPolicy, **_A2C, **_LOOKING),
        _learner("trpo", TRPO, n_steps=128, batch_size=256, gamma=1.0),
        _learner(
            "recurrent_ppo",
            RecurrentPPO,
            "MultiInputLstmPolicy",
            env_kwargs=COMPACT,
            n_epochs=4,
            policy_kwargs={"lstm_hidden_size": 64},
            **ON_POLICY,
        ),
        _learner("maskable_ppo", MaskablePPO, **ON_POLICY),
        _learner("maskable_ppo+proposals", MaskablePPO, MaskableGCPolicy, **ON_POLICY, **_LOOKING),
        _learner("maskable_ppo+pointer", MaskablePPO, MaskableGCPolicy, **ON_POLICY, **_POINTING),
        _learner("dqn", DQN, env_kwargs=COMPACT, **OFF_POLICY),
        _learner(
            "her_dqn",
            DQN,
            env_kwargs={**COMPACT, "reward_type": "distance"},
            replay_buffer_class=HerReplayBuffer,
            **OFF_POLICY,
        ),
        _learner(
            "goal_dqn",
            DQN,
            env_kwargs=COMPACT,
            replay_buffer_class=GoalReplayBuffer,
            **OFF_POLICY,
        ),
        _learner("maskable_dqn", MaskableDQN, env_kwargs=COMPACT, **OFF_POLICY),
        _learner(
            "maskable_dqn+proposals",
            MaskableDQN,
            "ProposalPolicy",
            replay_buffer_class=GoalReplayBuffer,
            replay_buffer_kwargs=NO_HINDSIGHT,
            **OFF_POLICY,
        ),
        _learner("qrdqn", QRDQN, env_kwargs=COMPACT, **QUANTILES, **OFF_POLICY),
        _learner("maskable_qrdqn", MaskableQRDQN, env_kwargs=COMPACT, **QUANTILES, **OFF_POLICY),
        _learner(
            "maskable_qrdqn+proposals",
            MaskableQRDQN,
            "ProposalPolicy",
            replay_buffer_class=GoalReplayBuffer,
            replay_buffer_kwargs=NO_HINDSIGHT,
            **QUANTILES,
            **OFF_POLICY,
        ),
        _learner("ars", ARS, "LinearPolicy", flat=True, num_envs=1, env_kwargs=COMPACT, n_delta=8),
        _gcgen("gcgen"),
        # A teacher that leaves the prior out; returns would charge the divergence from it.
        _gcgen("gcgen_prior0", gc_objective="expert_iteration", gc_learning_rate=1e-2, **_LOOKING),
    )
}
"""Every contestant, by name, in the order of the tables."""
