"""GCGen environments: reconstruct a goal image by selecting proposals.

Importing this package registers the environments with Gymnasium:

    >>> import gymnasium as gym
    >>> import gcgen_env
    >>> env = gym.make("GCGen-Digits-v0")
    >>> obs, info = env.reset(seed=0)
    >>> obs["proposals"].shape
    (16, 1, 8, 8)
"""

from typing import TYPE_CHECKING

from gcgen_env.allocator import keep_freed_memory
from gcgen_env.config import ENV_IDS, EnvConfig
from gcgen_env.lazy_names import import_at_first_use
from gcgen_env.registration import default_kwargs, register_envs

if TYPE_CHECKING:
    from gcgen_env.env import GCGenEnv
    from gcgen_env.model.proposer import Proposer
    from gcgen_env.vector_env import GCGenVectorEnv
else:
    __getattr__, __dir__ = import_at_first_use(
        __name__,
        {
            "GCGenEnv": "gcgen_env.env",
            "GCGenVectorEnv": "gcgen_env.vector_env",
            "Proposer": "gcgen_env.model.proposer",
        },
    )


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
