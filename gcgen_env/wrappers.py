"""Wrappers that convert observations for other libraries."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gcgen_env.env import GCGenEnv
from gcgen_env.obs_device import check_obs_device
from gcgen_env.vector_env import GCGenVectorEnv


def make_flat(**kwargs: Any) -> gym.Env[NDArray[Any], np.int64]:
    """Make a `GCGenEnv` whose observations are one vector; the entry point of the flat ids."""
    return gym.wrappers.FlattenObservation(GCGenEnv(**kwargs))


def make_flat_vec(obs_device: str = "host", **kwargs: Any) -> FlatVector:
    """Make a `GCGenVectorEnv` whose observations are vectors, shape (N, values)."""
    check_obs_device(obs_device, "an environment with flat observations")
    return FlatVector(GCGenVectorEnv(**kwargs))


class FlatVector(gym.vector.VectorWrapper):
    """Flattens the observations of a `GCGenVectorEnv` in each of its autoreset modes.

    Gymnasium's own wrapper refuses SAME_STEP. The vectors are those of its `FlattenObservation`.
    """

    def __init__(self, env: GCGenVectorEnv) -> None:
        """Wrap a vector environment."""
        super().__init__(env)
        self.single_observation_space = spaces.flatten_space(env.single_observation_space)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(self, **kwargs: Any) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin episodes; see `GCGenVectorEnv.reset`."""
        obs, infos = self.env.reset(**kwargs)
        return _flatten(obs), infos

    def step(
        self, actions: Any
    ) -> tuple[
        NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Add one proposal in every environment; see `GCGenVectorEnv.step`."""
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        for i in np.flatnonzero(infos.get("_final_obs", ())):
            last = {key: value[None] for key, value in infos["final_obs"][i].items()}
            infos["final_obs"][i] = _flatten(last)[0]
        return _flatten(obs), reward, terminated, truncated, infos


def _flatten(obs: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return observations of N environments as vectors, in the order of their keys."""
    return np.concatenate(
        [value.reshape(len(value), -1) for value in obs.values()], axis=1, dtype=np.float32
    )


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
