"""Observation and action spaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from gcgen_env.model.likelihoods import Likelihood

LOG_PRIOR_FLOOR = -30.0
"""Observations clip log p_S to [LOG_PRIOR_FLOOR, 0]; invalid proposals get the floor."""


class ImageSpace(spaces.Box):
    """A `Box` of images that also holds the likelihood and the scale of rewards.

    Policies that compute rewards by themselves read them from the observation space, so
    `PPO(GCPolicy, env)` needs no further argument.
    """

    def __init__(
        self, likelihood: Likelihood, shape: tuple[int, ...], reward_scale: float = 1.0
    ) -> None:
        """Make a float32 box of `shape` with the bounds of the likelihood."""
        super().__init__(likelihood.low, likelihood.high, shape, np.float32)
        self.likelihood = likelihood
        self.reward_scale = reward_scale


def make_observation_space(
    likelihood: Likelihood,
    shape: tuple[int, ...],
    num_proposals: int,
    obs_mode: str,
    reward_scale: float = 1.0,
) -> spaces.Dict:
    """Make the observation space of one environment.

    Args:
        likelihood: Likelihood of the environment, with the bounds of images.
        shape: S, the shape of one image.
        num_proposals: A, the number of proposals.
        obs_mode: "pixels" includes the proposals, "compact" does not.
        reward_scale: Factor of all rewards.
    """
    images = ("observation", "achieved_goal", "desired_goal")
    entries: dict[str, spaces.Space[Any]] = {
        **{key: ImageSpace(likelihood, shape, reward_scale) for key in images},
        "step": spaces.Box(0.0, 1.0, (1,), np.float32),  # h / H
        "log_prior": spaces.Box(LOG_PRIOR_FLOOR, 0.0, (num_proposals,), np.float32),
        "action_mask": spaces.MultiBinary(num_proposals),  # int8
    }
    if obs_mode == "pixels":
        entries["proposals"] = spaces.Box(
            likelihood.low, likelihood.high, (num_proposals, *shape), np.float32
        )
    return spaces.Dict(entries)
