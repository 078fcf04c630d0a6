"""Rewards: one class for each type, pure functions of batches of images in float64 NumPy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.config import EnvConfig
from gcgen_env.model.likelihoods import Likelihood, compute_difference

Floats = NDArray[np.float64]


def shaping_reward(phi: Floats, phi_next: Floats, gamma: float) -> Floats:
    """Compute the potential-based shaping reward F = gamma * phi_next - phi.

    At gamma = 1 the sum over an episode telescopes to Phi(x_H) - Phi(x_0) (Ng et al., 1999).

    Args:
        phi: Potential of the state before the step, shape (B,), in nats.
        phi_next: Potential of the state after the step, shape (B,), in nats.
        gamma: Discount in [0, 1], the agent's own.

    Returns:
        The reward, shape (B,), in nats.
    """
    return gamma * phi_next - phi


def compute_distance(achieved: NDArray[Any], desired: NDArray[Any]) -> Floats:
    """Compute the root mean squared error of images (B, *S), shape (B,), in image units."""
    return _root_mean_square(compute_difference(achieved, desired))


def measure(
    likelihood: Likelihood, achieved: NDArray[Any], desired: NDArray[Any]
) -> tuple[Floats, Floats]:
    """Compute the potentials (B,), in nats, and the distances (B,) of images (B, *S).

    Raises:
        ValueError: If a potential is not finite.
    """
    difference = compute_difference(achieved, desired)  # (B, D), used twice
    potential = likelihood.potential(achieved, desired, difference)  # leaves it unchanged
    if not np.isfinite(potential).all():
        raise ValueError(
            "the proposer's changes lead to an image that is not finite: are its weights NaN, "
            "or its changes too large for float32?"
        )
    return potential, _root_mean_square(difference)


def measure_tensors(
    likelihood: Likelihood, achieved: Tensor, desired: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute what `measure` does, from and as tensors on their device, float64.

    On another device than the CPU nothing is checked: to read a value is to wait for the device.
    """
    if achieved.is_cpu:  # the same sums, so the same bits
        potential, distance = measure(likelihood, achieved.numpy(), desired.numpy())
        return torch.from_numpy(potential), torch.from_numpy(distance)
    m, g = achieved.double(), desired.double()  # (B, *S)
    distances = (g - m).flatten(1).square().mean(1).sqrt()
    return likelihood.log_prob(likelihood.exact_canvas(m), g), distances


def _root_mean_square(difference: Floats) -> Floats:
    """Return the root mean square of (B, D) over D; overwrites `difference`."""
    squares = np.square(difference, out=difference)  # in place: D may be large
    return np.sqrt(squares.sum(axis=1) / squares.shape[1])  # (B,)


class Reward(ABC):
    """The reward of a transition, given the images before and after it and the goal."""

    needs_previous: ClassVar[bool] = False
    """Whether `compute` needs the images before the transition."""

    @abstractmethod
    def of_step(self, phi: Floats, phi_next: Floats, distance: Floats) -> Floats:
        """Compute the rewards of one step from measures that are known already.

        Args:
            phi: Potentials before the step, shape (B,), in nats.
            phi_next: Potentials after the step, shape (B,), in nats.
            distance: Distances after the step, shape (B,).

        Returns:
            Rewards, shape (B,), float64.
        """

    @abstractmethod
    def compute(self, achieved: Any, desired: Any, previous: Any = None) -> Floats:
        """Compute the rewards of any transitions from their images.

        Args:
            achieved: Images after the transition, shape (B, *S).
            desired: Goals, shape (B, *S).
            previous: Images before the transition, shape (B, *S), if `needs_previous`.

        Returns:
            Rewards, shape (B,), float64.
        """


@dataclass(frozen=True)
class PotentialReward(Reward):
    """Potential-based shaping: gamma * Phi(x', g) - Phi(x, g), in nats."""

    likelihood: Likelihood
    """Its log-likelihood is the potential."""
    gamma: float = 1.0
    """Discount in [0, 1]."""
    needs_previous: ClassVar[bool] = True

    def of_step(self, phi: Floats, phi_next: Floats, distance: Floats) -> Floats:
        """Return gamma * phi_next - phi."""
        return shaping_reward(phi, phi_next, self.gamma)

    def compute(self, achieved: Any, desired: Any, previous: Any = None) -> Floats:
        """Compute both potentials and the shaping reward."""
        potential = self.likelihood.potential
        return shaping_reward(
            potential(previous, desired), potential(achieved, desired), self.gamma
        )


@dataclass(frozen=True)
class DistanceReward(Reward):
    """Minus the root mean squared error after the step, in image units."""

    def of_step(self, phi: Floats, phi_next: Floats, distance: Floats) -> Floats:
        """Return -distance."""
        return -distance

    def compute(self, achieved: Any, desired: Any, previous: Any = None) -> Floats:
        """Compute the distances and negate them."""
        return -compute_distance(achieved, desired)


@dataclass(frozen=True)
class SparseReward(Reward):
    """0 on success and -1 otherwise."""

    success_threshold: float
    """Largest distance that counts as success."""

    def of_step(self, phi: Floats, phi_next: Floats, distance: Floats) -> Floats:
        """Return 0 where the distance is at most the threshold, -1 elsewhere."""
        success: Any = distance <= self.success_threshold
        return success * 1.0 - 1.0  # of arrays and of tensors

    def compute(self, achieved: Any, desired: Any, previous: Any = None) -> Floats:
        """Compute the distances and compare them with the threshold."""
        return self.of_step(_UNUSED, _UNUSED, compute_distance(achieved, desired))


@dataclass(frozen=True)
class ScaledReward(Reward):
    """Another reward, multiplied by a factor."""

    inner: Reward
    """The reward."""
    scale: float
    """The factor."""

    @property
    def needs_previous(self) -> bool:  # type: ignore[override]
        """Whether the reward needs the images before the transition."""
        return self.inner.needs_previous

    def of_step(self, phi: Floats, phi_next: Floats, distance: Floats) -> Floats:
        """Return the scaled rewards of one step."""
        return self.scale * self.inner.of_step(phi, phi_next, distance)

    def compute(self, achieved: Any, desired: Any, previous: Any = None) -> Floats:
        """Compute the rewards and scale them."""
        return self.scale * self.inner.compute(achieved, desired, previous)


_UNUSED = np.empty(0)  # the sparse reward reads no potential

_REWARDS: dict[str, Callable[[EnvConfig, Likelihood], Reward]] = {
    "potential": lambda config, likelihood: PotentialReward(likelihood, config.gamma),
    "distance": lambda config, likelihood: DistanceReward(),
    "sparse": lambda config, likelihood: SparseReward(config.success_threshold),
}
"""Makes a reward in its own units, by `reward_type`."""


def make_reward(config: EnvConfig, likelihood: Likelihood) -> Reward:
    """Make the reward of a configuration."""
    reward = _REWARDS[config.reward_type](config, likelihood)
    return reward if config.reward_scale == 1 else ScaledReward(reward, config.reward_scale)
