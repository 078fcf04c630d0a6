"""Observation and action spaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from gcgen_env.model.likelihoods import Likelihood

LOG_PRIOR_FLOOR = -30.0
"""log p_S is shown clipped to [LOG_PRIOR_FLOOR, 0]; invalid proposals get the floor."""


class ImageSpace(spaces.Box):
    """A `Box` of images that also knows the likelihood which measures them.

    Policies that look ahead read the likelihood from the observation space, so that
    `PPO(GCPolicy, env)` needs to be told nothing.
    """

    def __init__(self, likelihood: Likelihood, shape: tuple[int, ...]) -> None:
        """Make a float32 box of `shape` with the likelihood's bounds."""
        super().__init__(likelihood.low, likelihood.high, shape, np.float32)
        self.likelihood = likelihood


def make_observation_space(
    likelihood: Likelihood, shape: tuple[int, ...], num_proposals: int, obs_mode: str
) -> spaces.Dict:
    """Make the observation space of one environment.

    Args:
        likelihood: Gives the bounds of images.
        shape: S, the shape of one image.
        num_proposals: A.
        obs_mode: "pixels" includes the proposals, "compact" does not.
    """
    image = ImageSpace(likelihood, shape)
    entries: dict[str, spaces.Space[Any]] = {
        "observation": image,
        "achieved_goal": ImageSpace(likelihood, shape),
        "desired_goal": ImageSpace(likelihood, shape),
        "step": spaces.Box(0.0, 1.0, (1,), np.float32),
        "log_prior": spaces.Box(LOG_PRIOR_FLOOR, 0.0, (num_proposals,), np.float32),
        "action_mask": spaces.MultiBinary(num_proposals),
    }
    if obs_mode == "pixels":
        entries["proposals"] = spaces.Box(
            likelihood.low, likelihood.high, (num_proposals, *shape), np.float32
        )
    return spaces.Dict(entries)
