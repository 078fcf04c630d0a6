"""The contestants: algorithms, each with a policy, and references without learning.

The name of a learner is "algorithm" for the default policy, which flattens the observation;
"algorithm+proposals" for a policy that scores proposals and starts from the gain of each; and
"algorithm+pointer" for one that scores proposals and has to learn what they gain. The algorithms
are the classes of SB3, contrib and this library.
"""

from __future__ import annotations

from typing import Any

from sb3_contrib import ARS, QRDQN, TRPO, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, HerReplayBuffer

from agents.baselines import GreedyAgent, PriorAgent, RandomAgent
from agents.benchmark.beam import BeamAgent
from agents.benchmark.contestant import Contestant, make_gcgen, make_learner
from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.gcgen import GCPolicy, MaskableGCPolicy
from agents.maskable_dqn import MaskableDQN
from agents.maskable_qrdqn import MaskableQRDQN

ON_POLICY: dict[str, Any] = {"n_steps": 128, "batch_size": 256, "gamma": 1.0, "ent_coef": 0.0}
"""PPO and its relatives: 1,024 decisions of 8 environments for each update."""
A2C_OPTIONS: dict[str, Any] = {"n_steps": 16, "gamma": 1.0, "ent_coef": 0.0}
"""A2C: 128 decisions of 8 environments for each update."""
OFF_POLICY: dict[str, Any] = {
    "buffer_size": 20_000,
    "learning_starts": 1_000,
    "batch_size": 128,
    "gamma": 1.0,  # as in the score
    "train_freq": 2,
    "gradient_steps": 2,
    "target_update_interval": 500,
    "exploration_fraction": 0.3,
    "learning_rate": 5e-4,
}
"""DQN and its relatives: one gradient step for every 8 decisions of 8 environments."""
REPLAYED: dict[str, Any] = {
    **OFF_POLICY,
    "replay_buffer_class": GoalReplayBuffer,
    "replay_buffer_kwargs": {"n_sampled_goal": 0},  # SB3's share of hindsight is then 0
}
"""A replay buffer that recomputes proposals instead of storing them; it relabels no goals."""
FROZEN: dict[str, Any] = {
    "batch_size": 32,
    "gc_learning_rate": 3e-3,
    "precision": "float32",  # the same results on all processors
}
"""The GC-agent of `GCGen` on a frozen S-agent: one update for every 32 trajectories."""
BEAM: dict[str, Any] = {"width": 16}  # partial paths kept for each goal
COMPACT: dict[str, Any] = {"obs_mode": "compact"}  # without proposals
QUANTILES: dict[str, Any] = {"policy_kwargs": {"n_quantiles": 50}}  # contrib's default: 200
NO_PRIOR: dict[str, Any] = {"policy_kwargs": {"prior": False}}
"""A policy without the log-prior term, because the reward does not contain it."""
POINTER: dict[str, Any] = {"policy_kwargs": {"prior": False, "look_ahead": None}}
"""A policy without the look-ahead term, which has to learn what a proposal gains."""

CONTESTANTS: dict[str, Contestant] = {
    each.name: each
    for each in (
        Contestant("random", lambda env, seed: RandomAgent(seed), learns=False),  # score 0
        Contestant("prior", lambda env, seed: PriorAgent(seed), learns=False),
        Contestant("greedy", lambda env, seed: GreedyAgent(env), learns=False),  # score 1
        Contestant(
            "beam",
            lambda env, seed: BeamAgent(env.envs, **BEAM),
            learns=False,
            options={"search": BEAM},
        ),
        make_learner("ppo", PPO, **ON_POLICY),
        make_learner("ppo+proposals", PPO, GCPolicy, **ON_POLICY, **NO_PRIOR),
        make_learner("a2c", A2C, **A2C_OPTIONS),
        make_learner("a2c+proposals", A2C, GCPolicy, **A2C_OPTIONS, **NO_PRIOR),
        make_learner("trpo", TRPO, n_steps=128, batch_size=256, gamma=1.0),
        make_learner(
            "recurrent_ppo",
            RecurrentPPO,
            "MultiInputLstmPolicy",
            env_kwargs=COMPACT,
            n_epochs=4,
            policy_kwargs={"lstm_hidden_size": 64},  # contrib's default: 256
            **ON_POLICY,
        ),
        make_learner("maskable_ppo", MaskablePPO, **ON_POLICY),
        make_learner(
            "maskable_ppo+proposals", MaskablePPO, MaskableGCPolicy, **ON_POLICY, **NO_PRIOR
        ),
        make_learner("maskable_ppo+pointer", MaskablePPO, MaskableGCPolicy, **ON_POLICY, **POINTER),
        make_learner("dqn", DQN, env_kwargs=COMPACT, **OFF_POLICY),
        make_learner(
            "her_dqn",
            DQN,
            env_kwargs={**COMPACT, "reward_type": "distance"},  # SB3's buffer has no previous image
            replay_buffer_class=HerReplayBuffer,
            **OFF_POLICY,
        ),
        make_learner(
            "goal_dqn",
            DQN,
            env_kwargs=COMPACT,
            replay_buffer_class=GoalReplayBuffer,
            **OFF_POLICY,
        ),
        make_learner("maskable_dqn", MaskableDQN, env_kwargs=COMPACT, **OFF_POLICY),
        make_learner("maskable_dqn+proposals", MaskableDQN, "ProposalPolicy", **REPLAYED),
        make_learner("qrdqn", QRDQN, env_kwargs=COMPACT, **QUANTILES, **OFF_POLICY),
        make_learner(
            "maskable_qrdqn", MaskableQRDQN, env_kwargs=COMPACT, **QUANTILES, **OFF_POLICY
        ),
        make_learner(
            "maskable_qrdqn+proposals", MaskableQRDQN, "ProposalPolicy", **QUANTILES, **REPLAYED
        ),
        make_learner(
            "ars", ARS, "LinearPolicy", flat=True, num_envs=1, env_kwargs=COMPACT, n_delta=8
        ),
        make_gcgen("gcgen", **FROZEN),
        # Its teacher leaves the prior out; the returns of other objectives contain the divergence.
        make_gcgen(
            "gcgen_prior0",
            **{**FROZEN, "gc_objective": "expert_iteration", "gc_learning_rate": 1e-2, **NO_PRIOR},
        ),
    )
}
"""All contestants by name, in the order of the tables."""
