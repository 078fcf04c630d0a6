"""Rewards: pure functions of batches of images, computed in float64 NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.config import REWARD_TYPES
from gcgen_env.model.likelihoods import Likelihood, compute_difference

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
    return _root_mean_square(compute_difference(achieved, desired))


def _root_mean_square(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean squared value of each row of (B, D); overwrites them."""
    squares = np.square(difference, out=difference)
    return np.sqrt(squares.sum(axis=1) / squares.shape[1])


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

    def measure(
        self, achieved: NDArray[Any], desired: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the potentials (B,), in nats, and the distances (B,) of images (B, *S)."""
        difference = compute_difference(achieved, desired)
        potential = self.likelihood.potential(achieved, desired, difference)
        return potential, _root_mean_square(difference)

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
            return self.combine(phi, self.likelihood.potential(achieved, desired), None)
        return self.combine(None, None, compute_distance(achieved, desired))

    def combine(self, phi: Any, phi_next: Any, distance: Any) -> NDArray[np.float64]:
        """Compute the rewards (B,) from what their type needs of these measures.

        Args:
            phi: Potentials of the images left, shape (B,), in nats.
            phi_next: Potentials of the images reached, shape (B,), in nats.
            distance: Distances of the images reached, shape (B,).
        """
        if self.reward_type == "potential":
            return shaping_reward(phi, phi_next, self.gamma)
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
            ValueError: If the potential reward does not find `info["previous_achieved_goal"]`, or
                its shape or number is not that of the goals.
        """
        previous = None
        if self.reward_type == "potential":
            previous = gather_info(info, PREVIOUS, len(achieved))
            absent = previous is None
            if isinstance(previous, list):
                absent = any(each is None for each in previous)
            if absent:
                raise ValueError(
                    "the potential reward needs the image before the step: "
                    f"info[{PREVIOUS!r}] is absent. With hindsight replay, use GoalReplayBuffer "
                    "of the agents package, or HerReplayBuffer with copy_info_dict=True"
                )
            previous = _check_previous(previous, achieved.shape)
        return self.compute(achieved, desired, previous)


def check_goals(
    achieved_goal: Any, desired_goal: Any, shape: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[Any], bool]:
    """Check the goals that the methods of a goal environment are called with.

    Args:
        achieved_goal: One image (*S), or a batch (B, *S).
        desired_goal: The same shape.
        shape: S.

    Returns:
        Both as batches (B, *S), and whether they were single images, B = 1.

    Raises:
        ValueError: If they have other shapes.
    """
    achieved, desired = np.asarray(achieved_goal), np.asarray(desired_goal)
    single = achieved.shape == shape
    if achieved.shape != desired.shape or achieved.shape[not single :] != shape:
        raise ValueError(
            f"goals must both have shape {shape} or (B, {str(shape)[1:]}, got "
            f"{achieved.shape} and {desired.shape}"
        )
    return (achieved[None], desired[None], True) if single else (achieved, desired, False)


def gather_info(info: Any, key: str, num: int) -> Any:
    """Read one entry of the infos of `num` transitions.

    Args:
        info: A dict of batched entries, or a list or object array of `num` dicts.
        key: The entry's name.
        num: B.

    Returns:
        What the dict holds, None where it is absent; or the list of what each dict holds.

    Raises:
        ValueError: If `info` has another type or length.
    """
    if isinstance(info, Mapping):
        return info.get(key)
    if not isinstance(info, Sequence | np.ndarray) or np.ndim(info) == 0:
        raise ValueError(f"info must be a dict, a list or an array of dicts, got {type(info)}")
    if len(info) != num:
        raise ValueError(f"info must hold one dict for each of the {num} goals, got {len(info)}")
    for each in info:
        if not isinstance(each, Mapping):
            raise ValueError(
                f"info must be a dict, a list or an array of dicts, got a {type(each)}"
            )
    return [each.get(key) for each in info]


def read_steps(info: Any, num: int) -> NDArray[Any] | None:
    """Return the steps h of `num` transitions, shape (B,), or None where no info has "step".

    Raises:
        ValueError: If only some have it, or they are not B integers.
    """
    step = gather_info(info, "step", num)
    if isinstance(info, Mapping) and step is None:
        return None
    if not isinstance(info, Mapping):
        absent = sum(each is None for each in step)
        if absent == num:
            return None
        if absent:
            raise ValueError(f"info['step'] must be in all infos or in none, {absent} lack it")
    steps = _to_array(step)
    if steps is None or steps.dtype.kind not in "iuf" or steps.shape not in ((), (num,)):
        raise ValueError(f"info['step'] must be one number for each of the {num} goals, got {step}")
    return np.broadcast_to(steps, (num,))


def _check_previous(previous: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the images left as float32 (B, *S), or raise: another layout is never reshaped.

    A list holds one image (*S) for each row; anything else is the batch, or (*S) if B is 1.
    """
    if isinstance(previous, list) and not previous:
        return np.zeros(shape, dtype=np.float32)  # an empty batch
    images = _to_array(previous)
    if images is None or images.dtype.kind not in "biuf":
        raise ValueError(f"info[{PREVIOUS!r}] must be images of shape {shape[1:]}, all of numbers")
    if shape[0] == 1 and images.shape == shape[1:]:
        images = images[None]
    if images.shape != shape:
        raise ValueError(
            f"info[{PREVIOUS!r}] must have the goals' shape, {shape} in all, got {images.shape}"
        )
    return images.astype(np.float32, copy=False)


def _to_array(value: Any) -> NDArray[Any] | None:
    """Return a value as an array, None if its parts differ in shape."""
    try:
        return np.asarray(value)
    except ValueError:
        return None
