"""Rewards: pure functions of batches of images, computed in float64 NumPy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.config import REWARD_TYPES
from gcgen_env.likelihoods import Likelihood

PREVIOUS = "previous_achieved_goal"
"""Key of `info` that holds the image before the step."""


def shaping_reward(
    phi: NDArray[np.float64], phi_next: NDArray[np.float64], gamma: float
) -> NDArray[np.float64]:
    """Compute the potential-based shaping reward F = gamma * phi_next - phi.

    At gamma = 1 the sum over an episode telescopes to Phi(x_H) - Phi(x_0) (Ng et al., 1999).

    Args:
        phi: Potential of the state left, shape (B,), in nats.
        phi_next: Potential of the state reached, shape (B,), in nats.
        gamma: Discount in [0, 1], the agent's own.

    Returns:
        The reward, shape (B,), in nats.
    """
    return gamma * phi_next - phi


def compute_distance(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[np.float64]:
    """Compute the root mean squared error of images (B, *S), shape (B,), in image units."""
    difference = achieved.astype(np.float64) - desired.astype(np.float64)
    size = math.prod(difference.shape[1:])  # not -1: the batch may be empty
    rows = np.ascontiguousarray(difference).reshape(len(difference), size)
    return np.sqrt((rows * rows).mean(axis=1))


@dataclass(frozen=True)
class GoalReward:
    """The reward of a transition, given the images before and after it and the goal."""

    likelihood: Likelihood
    """Its log-likelihood is the potential."""
    reward_type: str = "potential"
    """ "potential": shaping; "distance": minus the distance; "sparse": 0 on success, else -1."""
    success_threshold: float = 0.1
    """Largest distance that counts as success."""
    gamma: float = 1.0
    """Discount of the shaping reward."""

    def __post_init__(self) -> None:
        """Check the type."""
        if self.reward_type not in REWARD_TYPES:
            raise ValueError(
                f"reward_type must be one of {', '.join(REWARD_TYPES)}; got {self.reward_type!r}"
            )

    def is_success(self, distance: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether each distance counts as success."""
        return distance <= self.success_threshold

    def compute(
        self, achieved: NDArray[Any], desired: NDArray[Any], previous: NDArray[Any] | None
    ) -> NDArray[np.float64]:
        """Compute the rewards of a batch of transitions.

        Args:
            achieved: Images reached, shape (B, *S).
            desired: Goals, shape (B, *S).
            previous: Images left, shape (B, *S); only the "potential" reward reads them.

        Returns:
            Rewards, shape (B,), float64.
        """
        if self.reward_type == "potential":
            if previous is None:
                raise ValueError("the potential reward needs the images left, `previous`")
            phi = self.likelihood.potential(previous, desired)
            return shaping_reward(phi, self.likelihood.potential(achieved, desired), self.gamma)
        distance = compute_distance(achieved, desired)
        if self.reward_type == "distance":
            return -distance
        return self.is_success(distance).astype(np.float64) - 1.0

    def compute_from_info(
        self, achieved: NDArray[Any], desired: NDArray[Any], info: Any
    ) -> NDArray[np.float64]:
        """Compute the rewards, finding the images left in `info`.

        Args:
            achieved: Images reached, shape (B, *S).
            desired: Goals, shape (B, *S).
            info: A dict (its entry batched, or not when B is 1), or a list or object array of
                B dicts.

        Raises:
            ValueError: If the potential reward does not find `info["previous_achieved_goal"]`.
        """
        previous = None
        if self.reward_type == "potential":
            previous = gather_info(info, PREVIOUS)
            if previous is None:
                raise ValueError(
                    "the potential reward needs the image before the step: "
                    f"info[{PREVIOUS!r}] is absent. With hindsight replay, use GoalReplayBuffer "
                    "of the agents package, or HerReplayBuffer with copy_info_dict=True"
                )
            previous = np.asarray(previous, dtype=np.float32).reshape(achieved.shape)
        return self.compute(achieved, desired, previous)


def gather_info(info: Any, key: str) -> Any:
    """Return one entry of a dict, or of each of a sequence of dicts; None where it is absent."""
    if isinstance(info, Mapping):
        return info.get(key)
    if not isinstance(info, Sequence | np.ndarray):
        raise ValueError(f"info must be a dict, a list or an array of dicts, got {type(info)}")
    entries = [each.get(key) for each in info]
    return None if any(entry is None for entry in entries) else np.asarray(entries)
