"""Stable-Baselines3's `VecEnv` over the batched environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from gcgen_env.config import EnvConfig
from gcgen_env.datasets import DataSource
from gcgen_env.model.s_agent import SAgent
from gcgen_env.registration import default_kwargs
from gcgen_env.tensor_vector_env import TensorVectorEnv
from gcgen_env.vector_env import GCGenVectorEnv


class GCGenVecEnv(VecEnv):
    """Adapts a `GCGenVectorEnv` in SAME_STEP mode to SB3's interface.

    `env_method("action_masks")` returns one mask for each environment, as MaskablePPO expects.
    """

    def __init__(self, envs: GCGenVectorEnv) -> None:
        """Wrap a vector environment.

        Args:
            envs: With `autoreset_mode="SameStep"`.

        Raises:
            ValueError: If it has another autoreset mode, or returns tensors.
        """
        if isinstance(envs, TensorVectorEnv):
            raise ValueError("SB3 expects NumPy arrays: leave out obs_device='env'")
        if envs.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ValueError(
                "SB3 expects an ended environment to reset in the same step: make the vector "
                f'environment with autoreset_mode="SameStep", got {envs.autoreset_mode.value!r}'
            )
        self.envs = envs  # before `super`, which reads `render_mode` through `get_attr`
        self.render_mode = envs.render_mode
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self._actions: NDArray[Any] = np.zeros(envs.num_envs, dtype=np.int64)

    def reset(self) -> Any:
        """Begin an episode in every environment."""
        options = self._options[0] or None  # SB3 stores one for each environment
        obs, _ = self.envs.reset(seed=self._seeds[0], options=options)  # one seed for the batch
        self._reset_seeds()  # as in SB3, a seed counts for one reset
        self._reset_options()
        return obs

    def step_async(self, actions: NDArray[Any]) -> None:
        """Store the actions, shape (N,)."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Step with the stored actions; return observations, rewards, dones and infos."""
        obs, reward, terminated, truncated, infos = self.envs.step(self._actions)
        done = terminated | truncated
        return obs, reward.astype(np.float32), done, self._list_infos(infos, done)

    def _list_infos(self, infos: dict[str, Any], done: NDArray[np.bool_]) -> list[dict[str, Any]]:
        """Return one dict for each environment; where an episode ended, of its last state."""
        keys = [k for k in infos if not k.startswith("_") and not k.startswith("final_")]
        listed = [{k: infos[k][i] for k in keys} for i in range(self.num_envs)]
        for i in np.flatnonzero(done):
            listed[i] = {k: infos["final_info"][k][i] for k in keys}
            listed[i]["terminal_observation"] = infos["final_obs"][i]  # next_obs in SB3's buffers
            listed[i]["TimeLimit.truncated"] = False  # the horizon belongs to the task
        return listed

    def close(self) -> None:
        """Close the vector environment."""
        self.envs.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return one picture for each environment."""
        return list(self.envs.render() or [])  # None without a render mode

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
        """Call a method; return one mask for each index, any other result once for each index."""
        result = getattr(self.envs, method_name)(*method_args, **method_kwargs)
        rows = self._get_indices(indices)
        return [result[i] if method_name == "action_masks" else result for i in rows]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return False: the environments have no wrappers."""
        return [False for _ in self._get_indices(indices)]


def make_live_env(config: EnvConfig, data: DataSource, s_agent: SAgent, num: int) -> VecMonitor:
    """Make environments of a configuration and its data, whose proposer is the given S-agent."""
    own = {"proposer": s_agent, "initial_state": None, "rate": None, "obs_mode": "pixels"}
    kwargs = {**vars(config), **own, "dataset": data, "device": str(s_agent.device)}
    return VecMonitor(GCGenVecEnv(GCGenVectorEnv(num, autoreset_mode="SameStep", **kwargs)))


def make_vec_env(
    env_id: str,
    n_envs: int = 1,
    seed: int | None = None,
    env_kwargs: dict[str, Any] | None = None,
) -> VecMonitor:
    """Make a batch of environments for the algorithms of Stable-Baselines3 and sb3-contrib.

    It takes the place of SB3's function of the same name: one `GCGenVectorEnv` computes all
    environments at once, and a `VecMonitor` records returns and lengths of episodes.

        >>> from stable_baselines3 import PPO
        >>> from agents import GCPolicy, make_vec_env
        >>> env = make_vec_env("GCGen-Digits-v0", n_envs=64)
        >>> model = PPO(GCPolicy, env, n_steps=8, gamma=1.0).learn(512)

    Args:
        env_id: A registered id.
        n_envs: Number of environments.
        seed: Seed of the goals, for the first reset.
        env_kwargs: Fields of `EnvConfig` to change, such as `{"nucleus": 0.9}`; also `render_mode`.

    Raises:
        TypeError: If a keyword is unknown.
        ValueError: If the id is unknown or a value is invalid.
    """
    kwargs = {**default_kwargs(env_id.removeprefix("gcgen_env:")), **(env_kwargs or {})}
    env = VecMonitor(GCGenVecEnv(GCGenVectorEnv(n_envs, autoreset_mode="SameStep", **kwargs)))
    if seed is not None:
        env.seed(seed)
    return env
