"""Wrappers that convert observations for other libraries."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray


class FlatWithMask(gym.ObservationWrapper[dict[str, Any], np.int64, dict[str, Any]]):
    """Converts observations to `{"obs": vector, "mask": valid actions}`, as Tianshou expects.

        >>> import gymnasium as gym
        >>> from gcgen_env.wrappers import FlatWithMask
        >>> env = FlatWithMask(gym.make("GCGen-Digits-v0", obs_mode="compact"))
        >>> obs, _ = env.reset(seed=0)
        >>> obs["obs"].shape, obs["mask"].dtype
        ((225,), dtype('bool'))

    The vector is that of Gymnasium's `FlattenObservation`; use `FlattenObservation` itself for
    libraries that expect a vector only.
    """

    def __init__(self, env: gym.Env[dict[str, Any], np.int64]) -> None:
        """Wrap an environment.

        Raises:
            ValueError: If its observations have no action mask.
        """
        super().__init__(env)
        inner = env.observation_space
        if not isinstance(inner, spaces.Dict) or "action_mask" not in inner.keys():
            raise ValueError("FlatWithMask needs observations with the key 'action_mask'")
        (count,) = inner["action_mask"].shape or ()  # A
        flat = spaces.flatten_space(inner)  # one axis, keys in the order of the Dict
        assert isinstance(flat, spaces.Box)
        self.observation_space = spaces.Dict(
            {"mask": spaces.Box(0, 1, (count,), np.bool_), "obs": flat}
        )

    def observation(self, observation: dict[str, Any]) -> dict[str, NDArray[Any]]:
        """Return the flattened observation and the mask."""
        return {
            "mask": observation["action_mask"].astype(bool),
            "obs": np.asarray(spaces.flatten(self.env.observation_space, observation)),
        }
