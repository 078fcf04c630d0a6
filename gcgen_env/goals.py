"""Goals: training images, drawn uniformly, binarised afresh for each episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.datasets import Dataset

CUSTOM_GOAL = -1
"""The index of a goal that is not from the data set."""


@dataclass(frozen=True, eq=False)
class GoalSampler:
    """Draws goals from a data set; every draw comes from the generator passed in."""

    dataset: Dataset
    """Where goals come from."""
    binarize: bool
    """Draw binary goals from the grey levels; else keep the grey levels."""

    def sample(
        self, num: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Draw `num` goals: their indices (num,) and images (num, *S)."""
        index = rng.integers(len(self.dataset), size=num)
        return index, self.take(index, rng)

    def take(self, index: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the goals of given indices, (num, *S), binarised by `rng` if asked for.

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
        """Binarise grey images (num, *S) if goals are binary."""
        if not self.binarize:
            return images
        return (rng.random(images.shape, dtype=np.float32) < images).astype(np.float32)

    def check(self, goal: Any, num: int, name: str = "goal") -> NDArray[np.float32]:
        """Return images given by the user as float32 (num, *S), after checking them.

        Args:
            goal: One image (*S) for all, or (num, *S).
            num: How many are needed.
            name: What to call it in an error.

        Raises:
            ValueError: If the shape is wrong, a value is not finite or out of bounds.
        """
        data = self.dataset
        try:
            goal = np.asarray(goal, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be an image, got {goal!r}") from error
        if goal.shape not in (data.shape, (num, *data.shape)):
            raise ValueError(
                f"{name} must have shape {data.shape} or {(num, *data.shape)}, got {goal.shape}"
            )
        if not np.isfinite(goal).all() or goal.min() < data.low or goal.max() > data.high:
            raise ValueError(f"{name} must be finite and within [{data.low:g}, {data.high:g}]")
        return np.broadcast_to(goal, (num, *data.shape)).copy()
