"""Agents for the GCGen environments, in the style of Stable-Baselines3.

>>> from agents import GCGen
>>> model = GCGen("GCPolicy", "GCGen-Digits-v0", n_envs=16, seed=0)
>>> model = model.learn(total_timesteps=16 * 8)
>>> model.sample(4, seed=0).shape
(4, 1, 8, 8)
"""

from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.gcgen import GCGen, GCPolicy, MaskableGCPolicy, NLLReport
from agents.s_agent import SPolicy
from gcgen_env.model.s_agent import SAgent

__all__ = [
    "GCGen",
    "GCPolicy",
    "GoalReplayBuffer",
    "MaskableGCPolicy",
    "NLLReport",
    "SAgent",
    "SPolicy",
]
