"""Hindsight replay for rewards that need the state before: the potential reward."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.type_aliases import DictReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.her import HerReplayBuffer

from gcgen_env.rewards import PREVIOUS


class GoalReplayBuffer(HerReplayBuffer):
    """SB3's hindsight buffer, for every reward type of the GCGen environments.

    SB3 computes the rewards of relabelled transitions from the image reached alone. Here they
    are given the image left too: it is in the buffer, as `obs["achieved_goal"]`.

        >>> from agents import GoalReplayBuffer
        >>> from stable_baselines3 import DQN
        >>> env = gym.make("GCGen-Digits-v0", obs_mode="compact")  # doctest: +SKIP
        >>> DQN("MultiInputPolicy", env, replay_buffer_class=GoalReplayBuffer)  # doctest: +SKIP
    """

    def _get_virtual_samples(
        self,
        batch_indices: NDArray[np.int64],
        env_indices: NDArray[np.int64],
        env: VecNormalize | None = None,
    ) -> DictReplayBufferSamples:
        """Relabel transitions while the environment is told which images they left."""
        training_env = self.env
        left = self.observations["achieved_goal"][batch_indices, env_indices]
        self.env = _RewardsOfTransitions(training_env, left)  # type: ignore[assignment]
        try:
            return super()._get_virtual_samples(batch_indices, env_indices, env)
        finally:
            self.env = training_env


class _RewardsOfTransitions:
    """Stands for the environment while SB3 asks it for the rewards of one batch."""

    def __init__(self, env: Any, left: NDArray[np.float32]) -> None:
        """Note the environment and the images left, shape (B, *S)."""
        self._env = env
        self._left = left

    def env_method(self, name: str, achieved: Any, desired: Any, _: Any, **kwargs: Any) -> Any:
        """Call `compute_reward` with the images left in place of the infos."""
        return self._env.env_method(name, achieved, desired, {PREVIOUS: self._left}, **kwargs)
