"""GCGen environments: reconstruct a goal image by selecting proposals.

Importing this package registers the environments with Gymnasium:

    >>> import gymnasium as gym
    >>> import gcgen_env
    >>> env = gym.make("GCGen-Digits-v0")
    >>> obs, info = env.reset(seed=0)
    >>> obs["proposals"].shape
    (16, 1, 8, 8)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gcgen_env.allocator import keep_freed_memory
from gcgen_env.config import EnvConfig
from gcgen_env.registration import default_kwargs, register_envs
from gcgen_env.tasks import ENV_IDS

if TYPE_CHECKING:
    from gcgen_env.env import GCGenEnv
    from gcgen_env.model.proposer import Proposer
    from gcgen_env.vector_env import GCGenVectorEnv
else:
    _HOMES = {
        "GCGenEnv": "gcgen_env.env",
        "GCGenVectorEnv": "gcgen_env.vector_env",
        "Proposer": "gcgen_env.model.proposer",
    }
    """Where names live; to import torch takes seconds, so they wait for the first use (PEP 562)."""

    def __getattr__(name: str) -> Any:
        """Import a name."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)

    def __dir__() -> list[str]:
        """List every name, those that are not yet imported too."""
        return sorted({*globals(), *_HOMES})


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
