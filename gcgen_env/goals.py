"""Goals: images drawn uniformly from a data set and binarised anew for each episode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.config import EnvConfig
from gcgen_env.datasets import Dataset, DataSource
from gcgen_env.generators import Generators
from gcgen_env.messages import show
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

    def draw(
        self, num: int, rng: Generators, options: Mapping[str, Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the indices (num,) and images (num, *S) of goals, drawn or as set by options.

        Args:
            num: Number of episodes.
            rng: One generator for all of them, or a list with one for each.
            options: Those of a reset; "goal_index" and "goal" set the goals.

        Raises:
            ValueError: If an option does not fit.
        """
        if options.get("goal") is not None:
            if options.get("goal_index") is not None:
                raise ValueError("reset options 'goal' and 'goal_index' exclude each other")
            return np.full(num, CUSTOM_GOAL), self.check(options["goal"], num)
        if options.get("goal_index") is not None:
            try:
                index = np.broadcast_to(np.asarray(options["goal_index"]), (num,)).copy()
            except ValueError as error:
                raise ValueError(f"goal_index must be one integer or {num} of them") from error
            return index, self.take(index, rng)
        return self.sample(num, rng)

    def sample(self, num: int, rng: Generators) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Draw `num` goals: their indices (num,) and images (num, *S)."""
        index = self.sample_index(num, rng)
        return index, self.take(index, rng)

    def sample_index(self, num: int, rng: Generators) -> NDArray[np.int64]:
        """Draw the indices of goals, shape (num,)."""
        if isinstance(rng, list):
            drawn = [each.integers(len(self.dataset), size=1) for each in rng]
            return np.concatenate(drawn)
        return rng.integers(len(self.dataset), size=num)

    def take(self, index: NDArray[np.int64], rng: Generators) -> NDArray[np.float32]:
        """Return the goals with the given indices, shape (num, *S), binarised if `binarize`.

        Raises:
            ValueError: If an index is out of range.
        """
        index = np.asarray(index)
        if not np.issubdtype(index.dtype, np.integer):
            raise ValueError(f"goal_index must be integers, got {index.dtype}")
        if len(index) and not (0 <= index.min() and index.max() < len(self.dataset)):
            raise ValueError(f"goal_index must lie in [0, {len(self.dataset)}), got {show(index)}")
        return self.prepare(self.dataset.take(index), rng)

    def prepare(self, images: NDArray[np.float32], rng: Generators) -> NDArray[np.float32]:
        """Binarise images, shape (num, *S), if `binarize`; else return them unchanged."""
        if not self.binarize:
            return images
        if isinstance(rng, list):
            return np.stack([binarize(*pair) for pair in zip(images, rng, strict=True)])
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
            raise ValueError(f"{name} must be an image, got {show(goal)}") from error
        if goal.shape not in (data.shape, (num, *data.shape)):
            raise ValueError(
                f"{name} must have shape {data.shape} or {(num, *data.shape)}, got {goal.shape}"
            )
        if not np.isfinite(goal).all() or goal.min() < data.low or goal.max() > data.high:
            raise ValueError(f"{name} must be finite and within [{data.low:g}, {data.high:g}]")
        return np.broadcast_to(goal, (num, *data.shape)).copy()  # not the user's own array


def make_goals(config: EnvConfig, data: DataSource) -> GoalSampler:
    """Make the goals of a configuration: its split of the data, binarised if it says so."""
    return GoalSampler(data.split(config.split), config.has_binary_goals)
