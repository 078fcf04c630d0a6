"""Goals: images drawn uniformly from a data set and binarised anew for each episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.config import EnvConfig
from gcgen_env.datasets import Dataset, DataSource
from gcgen_env.model.likelihoods import binarize

CUSTOM_GOAL = -1
"""Index that stands for a goal which is not from the data set."""


@dataclass(frozen=True, eq=False)
class GoalSampler:
    """Draws goals from a data set with the random generator that is passed in.

    Attributes:
        dataset: The data set.
        binarize: Whether to sample binary goals from the grey levels.
    """

    dataset: Dataset
    binarize: bool

    def sample(
        self, num: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Draw `num` goals: their indices (num,) and images (num, *S)."""
        index = rng.integers(len(self.dataset), size=num)  # (num,), int64
        return index, self.take(index, rng)

    def take(self, index: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the goals with the given indices, shape (num, *S), binarised if `binarize`.

        Raises:
            ValueError: If an index is out of range.
        """
        index = np.asarray(index)
        if not np.issubdtype(index.dtype, np.integer):
            raise ValueError(f"goal_index must be integers, got {index.dtype}")
        if len(index) and not (0 <= index.min() and index.max() < len(self.dataset)):
            raise ValueError(
                f"goal_index must lie in [0, {len(self.dataset)}), got {index.tolist()}"
            )
        return self.prepare(self.dataset.take(index), rng)

    def prepare(self, images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Binarise images, shape (num, *S), if `binarize`; else return them unchanged."""
        if not self.binarize:
            return images
        return binarize(images, rng)

    def check(self, goal: Any, num: int, name: str = "goal") -> NDArray[np.float32]:
        """Check images from the user and return a copy, shape (num, *S), float32.

        Args:
            goal: One image for all episodes, shape (*S), or one for each, shape (num, *S).
            num: Number of episodes.
            name: Name of the argument in the error message.

        Raises:
            ValueError: If the shape is wrong, or a value is not finite or out of bounds.
        """
        data = self.dataset
        try:
            goal = np.asarray(goal, dtype=np.float32)
        except (TypeError, ValueError) as error:  # no numbers, or parts of different shapes
            raise ValueError(f"{name} must be an image, got {goal!r}") from error
        if goal.shape not in (data.shape, (num, *data.shape)):
            raise ValueError(
                f"{name} must have shape {data.shape} or {(num, *data.shape)}, got {goal.shape}"
            )
        if not np.isfinite(goal).all() or goal.min() < data.low or goal.max() > data.high:
            raise ValueError(f"{name} must be finite and within [{data.low:g}, {data.high:g}]")
        return np.broadcast_to(goal, (num, *data.shape)).copy()  # not the user's own array


def make_goals(config: EnvConfig, data: DataSource) -> GoalSampler:
    """Make the goals of a configuration: its split of the data, binarised if it says so."""
    is_binary = config.likelihood == "bernoulli" and config.binarize
    return GoalSampler(data.split(config.split), is_binary)
