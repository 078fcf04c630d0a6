"""Toggles: 8 x 8 images that six of sixteen rectangles make exactly, if each inverts its pixels."""

from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gcgen_env.datasets.dataset import SPLITS, Dataset

SIDE = 8
"""Height and width of the images."""
COUNT = 16
"""Number of rectangles."""
CHOSEN = 6
"""Number of rectangles that make an image."""
HELD_OUT = 1_000
"""Number of images of the validation split and of the test split."""


@cache
def draw_rectangles() -> NDArray[np.bool_]:
    """Draw the rectangles with a fixed seed, shape (16, 8, 8); each has sides of 2 to 5 pixels."""
    rng = np.random.default_rng(2)  # the sixteen are independent: no two choices make one image
    rectangles = np.zeros((COUNT, SIDE, SIDE), dtype=bool)
    for each in rectangles:
        height, width = rng.integers(2, 6, size=2)
        top, left = rng.integers(SIDE - height + 1), rng.integers(SIDE - width + 1)
        each[top : top + height, left : left + width] = True
    rectangles.setflags(write=False)  # shared by all callers
    return rectangles


@cache
def load_toggles(split: str) -> Dataset:
    """Load one split: every choice of six rectangles is in one of the three splits."""
    rectangles = draw_rectangles()
    chosen = np.array(list(combinations(range(COUNT), CHOSEN)))  # (8008, 6)
    order = np.random.default_rng(1).permutation(len(chosen))
    cuts = len(order) - 2 * HELD_OUT, len(order) - HELD_OUT
    mine = chosen[np.split(order, cuts)[SPLITS.index(split)]]  # (N, 6)
    images = np.logical_xor.reduce(rectangles[mine], axis=1)  # (N, 8, 8)
    return Dataset("toggles", images[:, None].astype(np.uint8), 1.0, 0.0, 1.0)
