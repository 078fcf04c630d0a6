"""GCGen environments: reconstruct a goal image by selecting proposals.

Importing this package registers the environments with Gymnasium:

    >>> import gymnasium as gym
    >>> import gcgen_env
    >>> env = gym.make("GCGen-Digits-v0")
    >>> obs, info = env.reset(seed=0)
    >>> obs["proposals"].shape
    (16, 1, 8, 8)
"""

from gcgen_env.allocator import keep_freed_memory
from gcgen_env.config import ENV_IDS, EnvConfig
from gcgen_env.env import GCGenEnv
from gcgen_env.model.proposer import Proposer
from gcgen_env.registration import default_kwargs, register_envs
from gcgen_env.vector_env import GCGenVectorEnv

__all__ = [
    "ENV_IDS",
    "EnvConfig",
    "GCGenEnv",
    "GCGenVectorEnv",
    "Proposer",
    "default_kwargs",
    "keep_freed_memory",
    "register_envs",
]

__version__ = "0.1.0"

register_envs()
