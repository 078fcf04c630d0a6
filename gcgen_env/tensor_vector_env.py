"""The vector environment whose results are tensors that stay on its device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.messages import show
from gcgen_env.obs_device import check_obs_device
from gcgen_env.subsets import Subset
from gcgen_env.tensor_episodes import TensorEpisodes
from gcgen_env.vector_env import GCGenVectorEnv


class TensorVectorEnv(GCGenVectorEnv):
    """A `GCGenVectorEnv` that returns tensors on its device: `make_vec(..., obs_device="env")`.

        >>> import gymnasium as gym
        >>> import gcgen_env
        >>> envs = gym.make_vec("GCGen-Digits-v0", num_envs=4, obs_device="env")
        >>> obs, infos = envs.reset(seed=0)
        >>> obs, reward, *_ = envs.step(torch.tensor([0, 1, 2, 3]))
        >>> obs["proposals"].shape, reward.device
        (torch.Size([4, 16, 1, 8, 8]), device(type='cpu'))

    Observations, rewards, ends and infos are tensors, which speak DLPack. Their values are those
    of the arrays, on a CPU bit for bit; `single_use` may round log p_S in another way. The spaces
    remain those of arrays. The differences:

    * Actions may be tensors, or anything with `__dlpack__`. `step` does not read them on another
      device than the CPU, as this would wait for the device: there, an action outside [0, A) is
      an invalid action instead of an error, and weights that are NaN give rewards that are NaN.
      Proposers of your own are checked, and wait.
    * In SAME_STEP, `infos["final_obs"]` and `infos["final_info"]` hold tensors of all N
      environments; `_final_obs` says which have ended.
    * `reset` and its options, seeds, and the goal methods work with arrays, as before.
    """

    episodes: Any
    _episodes_class = TensorEpisodes

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Add one proposal in every environment; see `GCGenVectorEnv.step`."""
        obs, reward, terminated, truncated, infos = super().step(actions)
        ends = self.episodes.upload(np.stack((terminated, truncated)))  # (2, N), one copy
        return obs, reward, *ends.unbind(), infos

    def action_masks(self) -> Any:
        """Return which actions are valid, shape (N, A), bool, as a tensor."""
        return self.episodes.cache.mask.clone()

    def _advance(self, action: Any, subset: Subset) -> Any:
        """Step the K running episodes; return N rewards."""
        return self.episodes.step(action, subset)

    def _final(self, mask: NDArray[np.bool_]) -> dict[str, Any]:
        """Return `final_obs` and `final_info`, both of all N environments, with their masks."""
        ended = self.episodes.upload(mask.copy())
        return {
            "final_obs": self.episodes.observe(),
            "_final_obs": ended,
            "final_info": _with_masks(self.episodes.describe(), ended),
            "_final_info": ended.clone(),
        }

    def _infos(self) -> dict[str, Any]:
        """Return the infos of all environments with their masks."""
        every = torch.ones(self.num_envs, dtype=torch.bool, device=self.episodes.device)
        return _with_masks(self.episodes.describe(), every)

    def _check_actions(self, actions: Any) -> Any:
        """Return actions as int64 (N,) on the device, or raise."""
        if not isinstance(actions, Tensor | np.ndarray) and hasattr(actions, "__dlpack__"):
            actions = torch.from_dlpack(actions)
        if not isinstance(actions, Tensor) or actions.is_cpu:
            return self.episodes.upload(super()._check_actions(actions))
        is_integer = not (actions.is_floating_point() or actions.is_complex())
        if actions.shape != (self.num_envs,) or not is_integer or actions.dtype is torch.bool:
            raise ValueError(
                f"actions must be {self.num_envs} integers in [0, {self.config.num_proposals}), "
                f"got {actions.dtype} of shape {show(tuple(actions.shape))}"
            )
        return actions.to(self.episodes.device, torch.int64, copy=True)  # `render` reads it later


def make_vector_env(obs_device: str = "host", **kwargs: Any) -> GCGenVectorEnv:
    """Make a vector environment: the entry point of the registered ids.

    Args:
        obs_device: "host" returns NumPy arrays, "env" tensors on `device`.
        **kwargs: Arguments of `GCGenVectorEnv`.

    Raises:
        ValueError: If a value is out of range or does not fit the proposer.
    """
    check_obs_device(obs_device)
    return (TensorVectorEnv if obs_device == "env" else GCGenVectorEnv)(**kwargs)


def _with_masks(infos: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
    """Copy infos, and add Gymnasium's `_key` mask beside every key."""
    copies = {key: value.clone() for key, value in infos.items()}  # else the next step changes them
    return copies | {f"_{key}": mask.clone() for key in infos}
