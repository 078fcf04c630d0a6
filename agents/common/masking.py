"""How value-based agents respect action masks, for SB3's own classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from torch import Tensor

from agents.common.decision import INVALID_LOGIT, NEEDS_MASK, check_observation
from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.common.memory import check_fits

MASK = "action_mask"


def mask_values(values: Tensor, observation: Mapping[str, Tensor]) -> Tensor:
    """Set the values of invalid actions to `INVALID_LOGIT`, so that no maximum selects them.

    Args:
        values: Shape (B, ..., A).
        observation: Has an "action_mask", shape (B, A).
    """
    invalid = observation[MASK] < 0.5  # (B, A); SB3 passes masks as floats
    between = [1] * (values.ndim - invalid.ndim)  # one 1 for an axis of quantiles
    return values.masked_fill(invalid.view(len(invalid), *between, -1), INVALID_LOGIT)


def sample_valid(mask: Any, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw valid actions uniformly.

    Args:
        mask: Shape (A,) or (N, A).
        rng: Makes the draws.

    Returns:
        Actions, shape () or (N,); 0 where none is valid.
    """
    valid = np.asarray(mask) > 0
    return np.asarray(np.where(valid, rng.random(valid.shape), -1.0).argmax(-1))  # i.i.d. draws


def join_masks(observed: Any, given: Any) -> NDArray[Any]:
    """Return the actions that are valid by the observation and by a mask that was passed.

    Args:
        observed: The mask of the observation, shape (A,) or (N, A).
        given: Has the same number of values, as contrib's functions pass it.

    Returns:
        Shape and dtype of `observed`.

    Raises:
        ValueError: If the sizes differ, or no action is left.
    """
    observed, given = np.asarray(observed), np.asarray(given)
    if given.size != observed.size:
        raise ValueError(f"action_masks must have shape {observed.shape}, got {given.shape}")
    joint = np.where(given.reshape(observed.shape) > 0, observed, 0).astype(observed.dtype)
    if not joint.any(-1).all():
        raise ValueError("action_masks leave no action that the observation shows as valid")
    return joint


class MaskedExplorationMixin:
    """Explores among valid actions; put it before `DQN` or `QRDQN` in the bases of a class.

    Its policies give invalid actions the value `INVALID_LOGIT`, so that greedy actions and the
    maxima of the targets are taken over valid actions.
    """

    # Attributes of the SB3 class beside this one.
    action_space: Any
    buffer_size: int
    observation_space: spaces.Space[Any]
    replay_buffer_class: type[ReplayBuffer] | None
    exploration_rate: float
    num_timesteps: int
    policy: Any
    _last_obs: Any

    def _setup_model(self) -> None:
        """Check that observations have a mask and that the buffer fits in memory, then build."""
        space = self.observation_space
        if not isinstance(space, spaces.Dict) or MASK not in space.keys():
            raise ValueError(
                f'{type(self).__name__} reads masks from the observation: it needs a key "{MASK}", '
                "as all GCGen environments have"
            )
        if not issubclass(self.replay_buffer_class or ReplayBuffer, GoalReplayBuffer):
            check_fits(self.buffer_size, space, copies=2)  # GoalReplayBuffer checks itself
        super()._setup_model()  # type: ignore[misc]

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the actions to take and the actions to store, which are the same."""
        if self.num_timesteps < learning_starts:  # as in SB3: uniform before the first update
            action = sample_valid(self._last_obs[MASK], self.action_space.np_random)
        else:
            action, _ = self.predict(self._last_obs)
        return action, action

    def predict(
        self,
        observation: Mapping[str, NDArray[Any]],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
        action_masks: NDArray[Any] | None = None,
    ) -> tuple[NDArray[np.int64], Any]:
        """Select valid actions, epsilon-greedy unless `deterministic`; see SB3's `DQN`.

        Contrib's evaluation passes `action_masks`, shape (N, A); an action is valid if they and
        the observation say so.
        """
        check_observation(observation, MASK, NEEDS_MASK)
        if action_masks is not None:
            observation = {**observation, MASK: join_masks(observation[MASK], action_masks)}
        if not deterministic and self.action_space.np_random.random() < self.exploration_rate:
            return sample_valid(observation[MASK], self.action_space.np_random), state
        return self.policy.predict(observation, state, episode_start, deterministic)
