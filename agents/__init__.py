"""Agents for the GCGen environments, in the style of Stable-Baselines3.

>>> from agents import GCGen
>>> model = GCGen("GCPolicy", "GCGen-Digits-v0", n_envs=16, seed=0)
>>> model = model.learn(total_timesteps=16 * 8)
>>> model.sample(4, seed=0).shape
(4, 1, 8, 8)
"""

from typing import TYPE_CHECKING

from agents.common.lazy_names import import_at_first_use

if TYPE_CHECKING:
    from agents.afterstate_dqn import AfterstateDQN, AfterstatePolicy
    from agents.attention import AttentionPolicy, MaskableAttentionPolicy
    from agents.baselines import Baseline, GreedyAgent, PriorAgent, RandomAgent
    from agents.common.evaluation import EpisodeStats, evaluate_agent
    from agents.common.goal_replay_buffer import GoalReplayBuffer
    from agents.common.selection_config import SelectionConfig
    from agents.common.vec_env import GCGenVecEnv, make_vec_env
    from agents.gcgen import GCGen, GCGenConfig, GCPolicy, MaskableGCPolicy, NLLReport
    from agents.gcgen.callbacks import BoundProgressBar, StopOnRequest, TimedCheckpoint
    from agents.gcgen.validation_watch import ValidationWatch
    from agents.maskable_dqn import MaskableDQN, MaskableDQNPolicy, ProposalDQNPolicy
    from agents.maskable_qrdqn import MaskableQRDQN, MaskableQRDQNPolicy, ProposalQRDQNPolicy
    from agents.offline import GCBC, GCIQL
    from agents.s_agent import SPolicy
    from gcgen_env.model.s_agent import SAgent
else:
    __getattr__, __dir__ = import_at_first_use(
        __name__,
        {
            "AfterstateDQN": "agents.afterstate_dqn",
            "AfterstatePolicy": "agents.afterstate_dqn",
            "AttentionPolicy": "agents.attention",
            "Baseline": "agents.baselines",
            "BoundProgressBar": "agents.gcgen.callbacks",
            "EpisodeStats": "agents.common.evaluation",
            "GCBC": "agents.offline",
            "GCGen": "agents.gcgen",
            "GCGenConfig": "agents.gcgen",
            "GCGenVecEnv": "agents.common.vec_env",
            "GCIQL": "agents.offline",
            "GCPolicy": "agents.gcgen",
            "GoalReplayBuffer": "agents.common.goal_replay_buffer",
            "GreedyAgent": "agents.baselines",
            "MaskableAttentionPolicy": "agents.attention",
            "MaskableDQN": "agents.maskable_dqn",
            "MaskableDQNPolicy": "agents.maskable_dqn",
            "MaskableGCPolicy": "agents.gcgen",
            "MaskableQRDQN": "agents.maskable_qrdqn",
            "MaskableQRDQNPolicy": "agents.maskable_qrdqn",
            "NLLReport": "agents.gcgen",
            "PriorAgent": "agents.baselines",
            "ProposalDQNPolicy": "agents.maskable_dqn",
            "ProposalQRDQNPolicy": "agents.maskable_qrdqn",
            "RandomAgent": "agents.baselines",
            "SAgent": "gcgen_env.model.s_agent",
            "SPolicy": "agents.s_agent",
            "SelectionConfig": "agents.common.selection_config",
            "StopOnRequest": "agents.gcgen.callbacks",
            "TimedCheckpoint": "agents.gcgen.callbacks",
            "ValidationWatch": "agents.gcgen.validation_watch",
            "evaluate_agent": "agents.common.evaluation",
            "make_vec_env": "agents.common.vec_env",
        },
    )


__all__ = [
    "GCBC",
    "GCIQL",
    "AfterstateDQN",
    "AfterstatePolicy",
    "AttentionPolicy",
    "Baseline",
    "BoundProgressBar",
    "EpisodeStats",
    "GCGen",
    "GCGenConfig",
    "GCGenVecEnv",
    "GCPolicy",
    "GoalReplayBuffer",
    "GreedyAgent",
    "MaskableAttentionPolicy",
    "MaskableDQN",
    "MaskableDQNPolicy",
    "MaskableGCPolicy",
    "MaskableQRDQN",
    "MaskableQRDQNPolicy",
    "NLLReport",
    "PriorAgent",
    "ProposalDQNPolicy",
    "ProposalQRDQNPolicy",
    "RandomAgent",
    "SAgent",
    "SPolicy",
    "SelectionConfig",
    "StopOnRequest",
    "TimedCheckpoint",
    "ValidationWatch",
    "evaluate_agent",
    "make_vec_env",
]
