"""Images that a user gives, as a model has them: its channels, size and range of values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gcgen_env.datasets.images import resize_images
from gcgen_env.model.chain import Chain

Image = NDArray[np.float32]
GREY = np.array([0.299, 0.587, 0.114])
"""Shares of red, green and blue in a grey level (ITU-R BT.601)."""


def fit_image(image: NDArray[np.uint8], chain: Chain) -> Image:
    """Return bytes (C, height, width) with the channels, the size and the range of a model's."""
    matched = match_channels(image, chain.shape[0])
    return to_values(resize_images(matched[None], chain.shape[-1])[0], chain)


def match_channels(image: NDArray[np.uint8], channels: int) -> Image:
    """Return bytes (C, height, width) as numbers in [0, 1] of 1 or 3 channels."""
    unit = image.astype(np.float32) / np.float32(255)
    if len(unit) == 3 and channels == 1:
        return np.tensordot(GREY, unit, 1)[None].astype(np.float32)
    return np.broadcast_to(unit, (channels, *unit.shape[1:])).copy()


def to_values(unit: Image | float, chain: Chain) -> Image:
    """Stretch numbers in [0, 1] to the range of a model's images."""
    low, high = chain.likelihood.low, chain.likelihood.high
    return np.asarray(low + (high - low) * np.asarray(unit), dtype=np.float32).clip(low, high)
