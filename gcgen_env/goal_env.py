"""What can be asked about any state and goal, the same for one episode and for many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.episodes import Core


class GoalApi:
    """Restates the goal interface of Gymnasium-Robotics' `GoalEnv`, and the proposals."""

    core: Core

    def compute_reward(
        self, achieved_goal: Any, desired_goal: Any, info: Any
    ) -> NDArray[np.float64] | float:
        """Compute rewards as if `achieved_goal` had been reached with `desired_goal` as goal.

        Args:
            achieved_goal: One image (*S), or a batch (B, *S).
            desired_goal: The same shape.
            info: One dict, or a list or object array of B dicts. The potential reward reads
                "previous_achieved_goal" from it.

        Returns:
            A float for one image, else float64 (B,).

        Raises:
            ValueError: If shapes do not fit, or the previous image is missing.
        """
        return self.core.compute_reward(achieved_goal, desired_goal, info)

    def compute_terminated(
        self, achieved_goal: Any, desired_goal: Any, info: Any
    ) -> NDArray[np.bool_] | bool:
        """Return whether the horizon is reached, read from `info["step"]`, goals unread."""
        return self.core.compute_terminated(achieved_goal, desired_goal, info)

    def compute_truncated(
        self, achieved_goal: Any, desired_goal: Any, info: Any
    ) -> NDArray[np.bool_] | bool:
        """Return False: the horizon belongs to the task, nothing is cut short."""
        return self.core.compute_truncated(achieved_goal, desired_goal, info)

    def compute_proposals(self, observation: Any, step: Any) -> NDArray[np.float32]:
        """Compute what is proposed in any states, as images of the next ones.

        A replay buffer that stores images and steps makes the proposals again with this. They
        are those that were shown, up to rounding, where the canvas is within the image's bounds.

        Args:
            observation: Images of the states, shape (B, *S).
            step: h / H, as observations have it, shape (B,).

        Returns:
            Images, shape (B, A, *S), float32; of an ended episode, the last one.

        Raises:
            ValueError: If shapes do not fit.
        """
        return self.core.compute_proposals(observation, step)
