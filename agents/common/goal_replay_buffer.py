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
from gcgen_env.goal_env import PREVIOUS

_RELABELLED = {"observation", "achieved_goal", "desired_goal", "step", "log_prior", "action_mask"}
"""Keys of an observation that stay correct when the goal is relabelled."""


class GoalReplayBuffer(HerReplayBuffer):
    """SB3's hindsight buffer, for every reward type of the GCGen environments.

    SB3 computes the rewards of relabelled transitions from the next image alone. This buffer also
    passes the previous image, which it stores as `obs["achieved_goal"]`, and recomputes whether
    episodes end. Proposals are not stored: the environment recomputes them from image and step
    for the transitions that are sampled. Where the canvas is beyond the likelihood's clip, they
    are those of the clipped canvas.

        >>> from agents import GoalReplayBuffer, MaskableDQN
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
            env: Computes rewards, ends and proposals; SB3 passes its own.
            device: Device of the samples.
            n_envs: Number of environments.
            **kwargs: Keywords of SB3's `HerReplayBuffer`.

        Raises:
            ValueError: If observations have keys that may depend on the goal.
            MemoryError: If the buffer would not fit in the memory of this machine.
        """
        others = set(observation_space.keys()) - _RELABELLED - {PROPOSALS}  # as wrappers add them
        if others:
            raise ValueError(
                f"relabelling changes the desired goal, and {', '.join(sorted(others))} of the "
                "observation may depend on it: a hindsight buffer would return the old values. "
                "Remove such keys from the observation"
            )
        self.regenerates = PROPOSALS in observation_space.keys()  # obs_mode="pixels"
        stored = {k: v for k, v in observation_space.items() if k != PROPOSALS}
        check_fits(buffer_size, spaces.Dict(stored), copies=2)  # obs and next_obs
        super().__init__(
            buffer_size, spaces.Dict(stored), action_space, env, device, n_envs, **kwargs
        )

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> DictReplayBufferSamples:  # type: ignore[override]
        """Sample transitions, some with relabelled goals; see SB3's `HerReplayBuffer`.

        Raises:
            ValueError: If images are normalised: proposals cannot be recomputed from them.
        """
        if self.regenerates and env is not None and env.norm_obs:
            raise ValueError(
                "proposals are recomputed from images, which VecNormalize(norm_obs=True) changes: "
                'pass norm_obs=False, or make the environment with obs_mode="compact"'
            )
        found = super().sample(batch_size, env)
        if self.regenerates:
            for observations in (found.observations, found.next_observations):
                observations[PROPOSALS] = self._propose(observations)
        return found

    def _propose(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """Recompute the proposals in these states, shape (B, A, *S)."""
        image, step = (observations[key].cpu().numpy() for key in ("observation", "step"))
        assert self.env is not None  # as in SB3: a loaded buffer needs `set_env` first
        made = self.env.env_method("compute_proposals", image, step[:, 0], indices=[0])[0]
        return self.to_torch(made)

    def _get_virtual_samples(
        self,
        batch_indices: NDArray[np.int64],
        env_indices: NDArray[np.int64],
        env: VecNormalize | None = None,
    ) -> DictReplayBufferSamples:
        """Relabel transitions, with their previous images in the infos."""
        training_env = self.env
        previous = self.observations["achieved_goal"][batch_indices, env_indices]  # (B, *S)
        progress = self.next_observations["step"][batch_indices, env_indices, 0]  # h / H, (B,)
        self.env = proxy = _EnvWithInfos(training_env, previous, progress)  # type: ignore[assignment]
        try:
            found = super()._get_virtual_samples(batch_indices, env_indices, env)  # via `proxy`
        finally:
            self.env = training_env  # also if SB3 or the reward raises
        dones = self.to_torch(proxy.ended.astype(np.float32)).reshape(-1, 1)  # (B, 1)
        return found._replace(dones=dones)  # SB3 keeps the ends of the original goals


class _EnvWithInfos:
    """Replaces the environment while SB3 computes the rewards of one batch."""

    def __init__(
        self, env: Any, previous: NDArray[np.float32], progress: NDArray[np.float32]
    ) -> None:
        """Store the environment, the previous images (B, *S), and h / H of the next ones (B,)."""
        self._env = env
        self._previous = previous
        self._progress = progress
        self.ended = np.zeros(len(previous), dtype=bool)  # set by `env_method`

    def env_method(self, name: str, achieved: Any, desired: Any, _: Any, **kwargs: Any) -> Any:
        """Call `compute_reward` with the previous images as infos, and store the ends."""
        horizon = self._env.get_attr("config", indices=[0])[0].horizon  # the same in all
        info = {
            PREVIOUS: self._previous,
            "step": np.rint(self._progress * horizon).astype(np.int64),  # float32 h / H to h
        }
        call = self._env.env_method
        self.ended = call("compute_terminated", achieved, desired, info, **kwargs)[0]  # (B,)
        return call(name, achieved, desired, info, **kwargs)
