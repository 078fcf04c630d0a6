"""Random changes of training images, which keep small sets from being learned by heart."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Augmentation = Literal["flip", "shift", "colour"]
Images = NDArray[np.float32]
LARGEST_SHIFT = 1 / 16
"""Largest shift in units of the height and the width; it is at least one pixel."""
JITTER = 0.1
"""Largest change of brightness, in units of the range, of contrast, and of each channel."""


def augment(
    images: Images,
    kinds: Collection[str],
    rng: np.random.Generator,
    low: float = 0.0,
    high: float = 1.0,
) -> Images:
    """Change images at random, each by itself.

    Args:
        images: Shape (N, C, height, width).
        kinds: "flip" mirrors half of the images left to right; "shift" moves each by up to a
            sixteenth of its size, and repeats the pixels at the edge; "colour" changes brightness,
            contrast and the balance of the channels by up to a tenth.
        rng: Makes every draw.
        low: Smallest value of an image.
        high: Largest value.

    Returns:
        New images of the same shape, within the bounds; `images` itself without kinds.
    """
    for kind in AUGMENTATIONS:  # one order, however they are named
        if kind in kinds:
            images = AUGMENTATIONS[kind](images, rng, low, high)
    return images


def _flip(images: Images, rng: np.random.Generator, low: float, high: float) -> Images:
    """Mirror half of the images left to right."""
    is_flipped = rng.random((len(images), 1, 1, 1)) < 0.5
    return np.where(is_flipped, images[..., ::-1], images)


def _shift(images: Images, rng: np.random.Generator, low: float, high: float) -> Images:
    """Move each image, and repeat the pixels at the edge."""
    num, channels, height, width = images.shape
    moved = []
    for length in (height, width):
        most = max(1, int(LARGEST_SHIFT * length))
        shift = rng.integers(-most, most + 1, (num, 1))
        moved.append((np.arange(length) + shift).clip(0, length - 1))  # (N, length)
    rows, columns = moved[0][:, None, :, None], moved[1][:, None, None, :]
    index = np.arange(num)[:, None, None, None], np.arange(channels)[None, :, None, None]
    return np.asarray(images[(*index, rows, columns)])


def _jitter(images: Images, rng: np.random.Generator, low: float, high: float) -> Images:
    """Change brightness, contrast and balance of the channels."""
    num, channels = images.shape[:2]

    def draw(*shape: int) -> Images:
        return rng.uniform(-JITTER, JITTER, shape).astype(np.float32)

    middle = images.mean((1, 2, 3), keepdims=True)
    changed = middle + (1 + draw(num, 1, 1, 1)) * (images - middle)
    changed += (high - low) * draw(num, 1, 1, 1)
    if channels > 1:
        changed = low + (1 + draw(num, channels, 1, 1)) * (changed - low)
    return changed.clip(low, high)


AUGMENTATIONS: dict[str, Callable[[Images, np.random.Generator, float, float], Images]] = {
    "flip": _flip,
    "shift": _shift,
    "colour": _jitter,
}
"""Functions by name."""
