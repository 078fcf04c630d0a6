"""Toy2D densities: points in the square [-1, 1] x [-1, 1], sampled with fixed seeds."""

import math
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np

from gcgen_env.datasets.dataset import SPLITS, Dataset

SIZES: Mapping[str, int] = MappingProxyType({"train": 20_000, "validation": 2_000, "test": 2_000})
"""Number of points of each split."""


def _two_moons(rng: np.random.Generator, number: int) -> np.ndarray:
    """Sample two interleaved half circles."""
    angle = rng.uniform(0, math.pi, number)
    upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=-1)
    is_upper = rng.random(number) < 0.5
    moons = np.where(is_upper[:, None], upper, -upper) / 1.75  # (N, 2), a point reflection
    return _with_noise(rng, moons, 0.03)


def _spiral(rng: np.random.Generator, number: int) -> np.ndarray:
    """Sample an Archimedean spiral of two turns, evenly along its length."""
    radius = np.sqrt(rng.random(number))  # the length of the arm grows about as radius^2
    angle = 4 * math.pi * radius
    arm = 0.9 * radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return _with_noise(rng, arm, 0.02)


def _checkerboard(rng: np.random.Generator, number: int) -> np.ndarray:
    """Sample the eight dark cells of a 4 x 4 checkerboard, uniformly."""
    row = rng.integers(4, size=number)
    column = 2 * rng.integers(2, size=number) + row % 2  # dark cells shift by one in each row
    cell = np.stack([column, row], axis=-1)  # (N, 2) in 0..3
    return ((cell + rng.random((number, 2))) / 2 - 1).astype(np.float32)  # [0, 4] to [-1, 1]


def _eight_gaussians(rng: np.random.Generator, number: int) -> np.ndarray:
    """Sample a mixture of eight equal Gaussians on a circle of radius 0.75."""
    angle = rng.integers(8, size=number) * (math.pi / 4)
    centre = 0.75 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)  # (N, 2)
    return _with_noise(rng, centre, 0.05)


def _with_noise(rng: np.random.Generator, points: np.ndarray, sigma: float) -> np.ndarray:
    noisy = points + sigma * rng.standard_normal(points.shape)
    return noisy.clip(-1, 1).astype(np.float32)


DENSITIES: Mapping[str, Callable[[np.random.Generator, int], np.ndarray]] = MappingProxyType(
    {
        "two_moons": _two_moons,
        "spiral": _spiral,
        "checkerboard": _checkerboard,
        "eight_gaussians": _eight_gaussians,
    }
)
"""Functions by name: each samples N points in [-1, 1], shape (N, 2), float32."""


@cache
def load_toy2d(name: str, split: str) -> Dataset:
    """Sample one split of a density; each split has its own fixed seed."""
    rng = np.random.default_rng([*name.encode(), SPLITS.index(split)])
    points = DENSITIES[name](rng, SIZES[split])
    return Dataset(name=name, array=points, scale=1.0, low=-1.0, high=1.0)
