"""Stable-Baselines3's `VecEnv` over the natively batched environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from gcgen_env.config import EnvConfig, make_config
from gcgen_env.env import GCGenEnv
from gcgen_env.registration import default_kwargs
from gcgen_env.vector_env import GCGenVectorEnv


class GCGenVecEnv(VecEnv):
    """Adapter: one `GCGenVectorEnv` in SAME_STEP mode as an SB3 vector environment.

    `env_method("action_masks")` gives one row for each environment, so that MaskablePPO works.
    """

    def __init__(self, envs: GCGenVectorEnv) -> None:
        """Wrap a vector environment.

        Args:
            envs: With `autoreset_mode="SameStep"`.

        Raises:
            ValueError: If the autoreset mode is another.
        """
        if envs.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ValueError(
                "SB3 expects an ended environment to reset in the same step: make the vector "
                f'environment with autoreset_mode="SameStep", got {envs.autoreset_mode.value!r}'
            )
        self.envs = envs
        self.render_mode = envs.render_mode
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self._actions: NDArray[Any] = np.zeros(envs.num_envs, dtype=np.int64)

    def reset(self) -> Any:
        """Begin an episode in every environment."""
        options = self._options[0] or None
        obs, _ = self.envs.reset(seed=self._seeds[0], options=options)
        self._reset_seeds()
        self._reset_options()
        return obs

    def step_async(self, actions: NDArray[Any]) -> None:
        """Note the actions, shape (N,)."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Step with the noted actions; returns observations, rewards, dones and infos."""
        obs, reward, terminated, truncated, infos = self.envs.step(self._actions)
        done = terminated | truncated
        return obs, reward.astype(np.float32), done, self._list_infos(infos, done)

    def _list_infos(self, infos: dict[str, Any], done: NDArray[np.bool_]) -> list[dict[str, Any]]:
        """Return one dict for each environment; ended ones describe their last state."""
        keys = [k for k in infos if not k.startswith("_") and not k.startswith("final_")]
        listed = [{k: infos[k][i] for k in keys} for i in range(self.num_envs)]
        for i in np.flatnonzero(done):
            listed[i] = {k: infos["final_info"][k][i] for k in keys}
            listed[i]["terminal_observation"] = infos["final_obs"][i]
            listed[i]["TimeLimit.truncated"] = False
        return listed

    def close(self) -> None:
        """Close the vector environment."""
        self.envs.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return one picture for each environment."""
        return list(self.envs.render() or [])

    def has_attr(self, attr_name: str) -> bool:
        """Return whether the vector environment has an attribute."""
        return hasattr(self.envs, attr_name)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the vector environment, once for each index."""
        return [getattr(self.envs, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the vector environment."""
        setattr(self.envs, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method; the masks come one row for each index, any other result repeated."""
        result = getattr(self.envs, method_name)(*method_args, **method_kwargs)
        rows = self._get_indices(indices)
        return [result[i] if method_name == "action_masks" else result for i in rows]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return False: there are no wrappers inside."""
        return [False for _ in self._get_indices(indices)]


def find_config(env: Any, env_kwargs: dict[str, Any] | None = None) -> tuple[EnvConfig, int | None]:
    """Return the configuration of an environment, and how many it runs at once.

    Args:
        env: An id, a `GCGenEnv` as `gym.make` returns it, a `GCGenVectorEnv`, or the adapter.
        env_kwargs: Fields of `EnvConfig` to change; for an id only.

    Returns:
        The configuration and the number of environments; None for an id or a single one.

    Raises:
        TypeError: If a keyword is no field of `EnvConfig`.
        ValueError: If it is none of these.
    """
    if isinstance(env, str):
        kwargs = {**default_kwargs(env.removeprefix("gcgen_env:")), **(env_kwargs or {})}
        kwargs.pop("render_mode", None)
        return make_config(**kwargs), None
    if env_kwargs:
        raise ValueError("env_kwargs goes with an id; an environment already has its own")
    if isinstance(env, GCGenVecEnv):
        env = env.envs
    while isinstance(env, OrderEnforcing | PassiveEnvChecker):
        env = env.env
    if isinstance(env, GCGenVectorEnv):
        return env.config, env.num_envs
    if isinstance(env, GCGenEnv):
        return env.config, None
    what = "a wrapper" if isinstance(env, gym.Wrapper) else "an object"
    raise ValueError(
        f"expected an id, a GCGenEnv or a GCGenVectorEnv, got {what} of type "
        f"{type(env).__name__}; unwrap it, this algorithm works on the batched core itself"
    )


def make_vec_env(config: EnvConfig, num: int, device: torch.device | str) -> GCGenVecEnv:
    """Build `num` environments of a configuration in pixels mode, behind the adapter.

    Their proposer is the dictionary: the caller puts its own chain in.
    """
    options = {**vars(config), "obs_mode": "pixels", "proposer": "dictionary"}
    options["device"] = str(device)
    return GCGenVecEnv(GCGenVectorEnv(num, autoreset_mode="SameStep", **options))
