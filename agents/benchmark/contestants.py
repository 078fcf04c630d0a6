"""The contestants: algorithms, each with a policy, and references without learning.

The name of a learner is "algorithm" for the default policy, which flattens the observation;
"algorithm+proposals" for a policy that scores proposals and starts from the gain of each;
"algorithm+pointer" for one that scores proposals and has to learn what they gain;
"algorithm+attention" for one that compares proposals with one another; and
"algorithm+hindsight" for one that also learns from goals that were reached by chance. The
algorithms are the classes of SB3, contrib and this library.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Any

from sb3_contrib import QRDQN, TRPO, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, HerReplayBuffer

from agents.afterstate_dqn import AfterstateDQN
from agents.attention import MaskableAttentionPolicy
from agents.baselines import GreedyAgent, PriorAgent, RandomAgent
from agents.benchmark.contestant import Contestant, make_gcgen, make_learner
from agents.benchmark.custom import load_custom
from agents.benchmark.hyperparameters import use_hyperparameters
from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.gcgen import GCPolicy, MaskableGCPolicy
from agents.maskable_dqn import MaskableDQN
from agents.maskable_qrdqn import MaskableQRDQN

ON_POLICY: dict[str, Any] = {
    "n_steps": 16,
    "batch_size": 256,
    "n_epochs": 2,
    "gamma": 1.0,
    "learning_rate": (1e-3, 5e-5),
}
"""PPO and its relatives: 1,024 decisions of 64 environments for each update."""
A2C_OPTIONS: dict[str, Any] = {"n_steps": 8, "gamma": 1.0, "ent_coef": 0.0}
"""A2C: 512 decisions of 64 environments for each update."""
OFF_POLICY: dict[str, Any] = {
    "buffer_size": 100_000,
    "learning_starts": 5_000,
    "batch_size": 256,
    "gamma": 1.0,  # as in the score
    "train_freq": 1,
    "gradient_steps": 4,
    "target_update_interval": 4_096,
    "exploration_fraction": 0.3,
    "learning_rate": 5e-4,
}
"""DQN and its relatives: one gradient step for every 16 decisions of 64 environments."""
EXACT: dict[str, Any] = {"likelihoods": ("bernoulli",)}
"""Only there an image determines its canvas, from which proposals are recomputed."""
REPLAYED: dict[str, Any] = {
    **OFF_POLICY,
    "replay_buffer_class": GoalReplayBuffer,
    "replay_buffer_kwargs": {"n_sampled_goal": 0},  # SB3's share of hindsight is then 0
}
"""A replay buffer that recomputes proposals instead of storing them; it relabels no goals."""
AFTERSTATE: dict[str, Any] = {
    "buffer_size": 20_000,  # with the proposals: 4 GB on MNISTAtoms
    "learning_starts": 1_000,
    "batch_size": 128,
    "train_freq": 1,
    "gradient_steps": 5,
    "target_update_interval": 500,
    "exploration_fraction": 0.5,
    "exploration_initial_eps": 0.3,
    "exploration_final_eps": 0.03,
    "learning_rate": (1e-3, 5e-5),
}
"""Values of previewed images: five gradient steps for every 64 decisions."""
DEAR_STEPS = 100_000
"""Most decisions of those that spend their time on stored proposals: they are replayed, compared
with one another, or searched."""
HINDSIGHT: dict[str, Any] = {**OFF_POLICY, "replay_buffer_class": GoalReplayBuffer}
FROZEN: dict[str, Any] = {
    "batch_size": 32,
    "gc_learning_rate": 3e-3,
    "precision": "float32",  # the same results on all processors
}
"""The GC-agent of `GCGen` on a frozen S-agent: one update for every 32 trajectories."""
TREE_SEARCH: dict[str, Any] = {
    "batch_size": 64,
    "gc_objective": "tree_search",
    "gc_learning_rate": 1e-3,
    "precision": "float32",
    "policy_kwargs": {"prior": False, "look_ahead": [1.0, 1.0]},
}
"""Policy and values that learn from a search: sixteen gradient steps for 64 trajectories."""
QUANTILES: dict[str, Any] = {"policy_kwargs": {"n_quantiles": 50}}  # contrib's default: 200
NO_PRIOR: dict[str, Any] = {"policy_kwargs": {"prior": False}}
"""A policy without the log-prior term, because the reward does not contain it."""
POINTER: dict[str, Any] = {"policy_kwargs": {"prior": False, "look_ahead": None}}
"""A policy without the look-ahead term, which has to learn what a proposal gains."""
PREVIEWS, UNSEEN = ("previews",), ("compact", "sparse")
SCORED: dict[str, Any] = {"tracks": PREVIEWS, "look_ahead": "one step"}

CONTESTANTS: dict[str, Contestant] = {
    each.name: each
    for each in (
        Contestant("random", lambda env, seed: RandomAgent(seed), learns=False),
        Contestant("prior", lambda env, seed: PriorAgent(seed), learns=False),
        Contestant(
            "greedy",
            lambda env, seed: GreedyAgent(env),
            learns=False,
            look_ahead="one step",
            tracks=PREVIEWS,
        ),
        make_learner("ppo", PPO, **ON_POLICY),
        make_learner("ppo+proposals", PPO, GCPolicy, **SCORED, **ON_POLICY, **NO_PRIOR),
        make_learner("a2c", A2C, **A2C_OPTIONS),
        make_learner("a2c+proposals", A2C, GCPolicy, **SCORED, **A2C_OPTIONS, **NO_PRIOR),
        make_learner("trpo", TRPO, n_steps=32, batch_size=256, gamma=1.0),
        make_learner(
            "recurrent_ppo",
            RecurrentPPO,
            "MultiInputLstmPolicy",
            tracks=UNSEEN,
            policy_kwargs={"lstm_hidden_size": 64},  # contrib's default: 256
            **ON_POLICY,
        ),
        make_learner("maskable_ppo", MaskablePPO, **ON_POLICY),
        make_learner(
            "maskable_ppo+proposals",
            MaskablePPO,
            MaskableGCPolicy,
            **SCORED,
            **ON_POLICY,
            **NO_PRIOR,
        ),
        make_learner(
            "maskable_ppo+pointer",
            MaskablePPO,
            MaskableGCPolicy,
            tracks=PREVIEWS,
            **ON_POLICY,
            **POINTER,
        ),
        make_learner(
            "maskable_ppo+attention",
            MaskablePPO,
            MaskableAttentionPolicy,
            most_timesteps=DEAR_STEPS,
            **SCORED,
            **{**ON_POLICY, "n_epochs": 4},
        ),
        make_learner(
            "afterstate_dqn",
            AfterstateDQN,
            "AfterstatePolicy",
            most_timesteps=DEAR_STEPS,
            **SCORED,
            **AFTERSTATE,
        ),
        make_learner("dqn", DQN, tracks=UNSEEN, **OFF_POLICY),
        make_learner(
            "dqn+hindsight",
            DQN,
            tracks=("sparse",),  # SB3's buffer has no previous image
            **{**OFF_POLICY, "replay_buffer_class": HerReplayBuffer},
        ),
        make_learner("maskable_dqn", MaskableDQN, tracks=UNSEEN, **OFF_POLICY),
        make_learner("maskable_dqn+hindsight", MaskableDQN, tracks=UNSEEN, **HINDSIGHT),
        make_learner(
            "maskable_dqn+proposals",
            MaskableDQN,
            "ProposalPolicy",
            most_timesteps=DEAR_STEPS,
            **EXACT,
            **SCORED,
            **REPLAYED,
        ),
        make_learner("qrdqn", QRDQN, tracks=UNSEEN, **QUANTILES, **OFF_POLICY),
        make_learner("maskable_qrdqn", MaskableQRDQN, tracks=UNSEEN, **QUANTILES, **OFF_POLICY),
        make_learner(
            "maskable_qrdqn+proposals",
            MaskableQRDQN,
            "ProposalPolicy",
            most_timesteps=DEAR_STEPS,
            **EXACT,
            **SCORED,
            **QUANTILES,
            **REPLAYED,
        ),
        make_gcgen("gcgen", **FROZEN),
        # Its teacher leaves the prior out; the returns of other objectives contain the divergence.
        make_gcgen(
            "gcgen_prior0",
            look_ahead="search",
            **{**FROZEN, "gc_objective": "expert_iteration", "gc_learning_rate": 1e-2, **NO_PRIOR},
        ),
        make_gcgen("expert_iteration", "SearchPolicy", most_timesteps=DEAR_STEPS, **TREE_SEARCH),
    )
}
"""All contestants by name, in the order of the tables, with their default hyperparameters."""


def find_contestant(name: str) -> Contestant:
    """Return the contestant of a name, or of a class as "module:Class".

    It has the hyperparameters that ship.

    Raises:
        ValueError: If the name is unknown, the class cannot be loaded, or the file of
            hyperparameters is damaged.
    """
    if ":" in name:
        return use_hyperparameters(load_custom(name))
    if name not in CONTESTANTS:
        raise ValueError(f"unknown algorithm {name!r}; known algorithms: {', '.join(CONTESTANTS)}")
    return use_hyperparameters(CONTESTANTS[name])


def select_contestants(patterns: Sequence[str]) -> list[Contestant]:
    """Return the contestants that patterns such as "*ppo*" match, then those of classes.

    Raises:
        ValueError: If a pattern matches no contestant, a class cannot be loaded, or the file of
            hyperparameters is damaged.
    """
    custom = [find_contestant(each) for each in dict.fromkeys(patterns) if ":" in each]
    ours = [each for each in patterns if ":" not in each]
    for pattern in ours:
        if not fnmatch.filter(CONTESTANTS, pattern):
            find_contestant(pattern)  # raises
    matched = (n for n in CONTESTANTS if any(fnmatch.fnmatch(n, each) for each in ours))
    return [*(find_contestant(name) for name in matched), *custom]
