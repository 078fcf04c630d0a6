"""Draws training images; shifts some, against what the S-agent would learn by heart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.common.vec_env import GoalVecEnv
from agents.gcgen.config import GCGenConfig

MOST = 0.5
"""Largest share of the images that are shifted."""
EPOCHS = 12.0
"""Number of times that all images have been seen before the share is the largest."""


def draw_images(env: GoalVecEnv, config: GCGenConfig, seen: float) -> NDArray[np.float32]:
    """Draw the images of a round, shape (n_envs, *S).

    Args:
        env: Draws the images.
        config: Says whether some are shifted.
        seen: Number of images that were drawn before.
    """
    images = env.sample_images()
    if not config.shifts_images(images.shape[1:]):
        return images
    return shift_some(images, find_share(seen / len(env.goals.dataset)), env.rng)


def find_share(epochs: float) -> float:
    """Return the share of the images to shift, in [0, 1/2], when all were seen so many times."""
    return MOST * min(1.0, epochs / EPOCHS)


def shift_some(
    images: NDArray[np.float32], share: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Shift a random share of images by at most one pixel in each direction.

    Args:
        images: Shape (B, C, height, width).
        share: Probability of each image.
        rng: Makes the draws.

    Returns:
        The images, the same shape; values at the border repeat.
    """
    num, channels, height, width = images.shape
    offset = rng.integers(-1, 2, size=(num, 2))  # rows and columns
    offset[rng.random(num) >= share] = 0
    row = (offset[:, :1] + np.arange(height)).clip(0, height - 1)  # (B, height)
    column = (offset[:, 1:] + np.arange(width)).clip(0, width - 1)  # (B, width)
    item = np.arange(num)[:, None, None, None]
    channel = np.arange(channels)[:, None, None]
    return images[item, channel, row[:, None, :, None], column[:, None, None, :]]
