"""Hindsight replay for the GCGen environments: any reward, any observation mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.type_aliases import DictReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.her import HerReplayBuffer

from agents.common.memory import PROPOSALS, check_fits
from gcgen_env.rewards import PREVIOUS

_RELABELLED = {"observation", "achieved_goal", "desired_goal", "step", "log_prior", "action_mask"}
"""Keys of an observation that are right after relabelling: the goal, and what it does not move."""


class GoalReplayBuffer(HerReplayBuffer):
    """SB3's hindsight buffer, for every reward type of the GCGen environments.

    SB3 computes the rewards of relabelled transitions from the image reached alone. Here they
    are given the image left too: it is in the buffer, as `obs["achieved_goal"]`. Whether they
    end is asked anew as well. Proposals are not stored: the environment makes them again, from
    image and step, for the transitions that are sampled. An image cannot express a canvas
    beyond the likelihood's clip: there, proposals are those of the clipped canvas.

        >>> from agents import GoalReplayBuffer
        >>> from agents.maskable_dqn import MaskableDQN
        >>> env = gym.make("GCGen-Digits-v0")  # doctest: +SKIP
        >>> MaskableDQN("ProposalPolicy", env, replay_buffer_class=GoalReplayBuffer)
        ... # doctest: +SKIP
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        env: Any,
        device: torch.device | str = "auto",
        n_envs: int = 1,
        **kwargs: Any,
    ) -> None:
        """Allocate the buffer.

        Args:
            buffer_size: Transitions to keep.
            observation_space: Of a GCGen environment.
            action_space: Its `Discrete(A)`.
            env: Asked for rewards, ends and proposals; SB3 passes its own.
            device: Of the samples.
            n_envs: Environments that fill it.
            **kwargs: Of SB3's `HerReplayBuffer`.

        Raises:
            ValueError: If an observation has keys that may depend on the goal.
            MemoryError: If the buffer would not fit in the memory of this machine.
        """
        others = set(observation_space.keys()) - _RELABELLED - {PROPOSALS}
        if others:
            raise ValueError(
                f"relabelling changes the desired goal, and {', '.join(sorted(others))} of the "
                "observation may depend on it: a hindsight buffer would show the old values; "
                "leave such keys out of the observation"
            )
        self.regenerates = PROPOSALS in observation_space.keys()
        stored = {k: v for k, v in observation_space.items() if k != PROPOSALS}
        check_fits(buffer_size, spaces.Dict(stored), copies=2)
        super().__init__(
            buffer_size, spaces.Dict(stored), action_space, env, device, n_envs, **kwargs
        )

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> DictReplayBufferSamples:  # type: ignore[override]
        """Sample transitions, some with relabelled goals; see SB3's `HerReplayBuffer`.

        Raises:
            ValueError: If images are normalised on the way: proposals cannot be made from those.
        """
        if self.regenerates and env is not None and env.norm_obs:
            raise ValueError(
                "proposals are made again from images, which VecNormalize(norm_obs=True) changes: "
                'pass norm_obs=False, or make the environment with obs_mode="compact"'
            )
        found = super().sample(batch_size, env)
        if self.regenerates:
            for observations in (found.observations, found.next_observations):
                observations[PROPOSALS] = self._propose(observations)
        return found

    def _propose(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """Ask the environment what it proposed in these states, shape (B, A, *S)."""
        image, step = (observations[key].cpu().numpy() for key in ("observation", "step"))
        assert self.env is not None
        made = self.env.env_method("compute_proposals", image, step[:, 0], indices=[0])[0]
        return self.to_torch(made)

    def _get_virtual_samples(
        self,
        batch_indices: NDArray[np.int64],
        env_indices: NDArray[np.int64],
        env: VecNormalize | None = None,
    ) -> DictReplayBufferSamples:
        """Relabel transitions while the environment is told which images they left."""
        training_env = self.env
        left = self.observations["achieved_goal"][batch_indices, env_indices]
        progress = self.next_observations["step"][batch_indices, env_indices, 0]
        self.env = asked = _AskedAboutTransitions(training_env, left, progress)  # type: ignore[assignment]
        try:
            found = super()._get_virtual_samples(batch_indices, env_indices, env)
        finally:
            self.env = training_env
        dones = self.to_torch(asked.ended.astype(np.float32)).reshape(-1, 1)
        return found._replace(dones=dones)


class _AskedAboutTransitions:
    """Stands for the environment while SB3 asks it for the rewards of one batch."""

    def __init__(self, env: Any, left: NDArray[np.float32], progress: NDArray[np.float32]) -> None:
        """Note the environment, the images left (B, *S), and h / H of those reached (B,)."""
        self._env = env
        self._left = left
        self._progress = progress
        self.ended = np.zeros(len(left), dtype=bool)

    def env_method(self, name: str, achieved: Any, desired: Any, _: Any, **kwargs: Any) -> Any:
        """Call `compute_reward` with the images left in the infos, and note what has ended."""
        horizon = self._env.get_attr("config", indices=[0])[0].horizon
        info = {PREVIOUS: self._left, "step": np.rint(self._progress * horizon).astype(np.int64)}
        ask = self._env.env_method
        self.ended = ask("compute_terminated", achieved, desired, info, **kwargs)[0]
        return ask(name, achieved, desired, info, **kwargs)
