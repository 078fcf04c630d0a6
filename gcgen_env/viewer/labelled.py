"""Draw images with a label above each."""

from collections.abc import Sequence

import numpy as np

from gcgen_env.viewer.drawing import blank
from gcgen_env.viewer.grids import image_grid
from gcgen_env.viewer.mosaic import column_labels


def labelled_grid(
    images: np.ndarray,
    labels: Sequence[str],
    columns: int = 8,
    low: float = 0.0,
    high: float = 1.0,
    padding: int = 4,
) -> np.ndarray:
    """Draw images in rows, with a label above each.

    Args:
        images: Images, shape (N, C, height, width).
        labels: One short text for each image.
        columns: Maximum number of images in a row.
        low: Value of black.
        high: Value of white.
        padding: Number of pixels between images and around them.

    Returns:
        Picture, shape (height, width, 3), uint8.

    Raises:
        ValueError: If the shape is wrong, or there are more or fewer labels than images.
    """
    if np.ndim(images) != 4 or len(labels) != len(images) or columns < 1:
        raise ValueError(
            "Expected images of shape (N, C, height, width), N labels and at least one column, got "
            f"{np.shape(images)}, {len(labels)} labels and {columns} columns."
        )
    rows = []
    for start in range(0, len(images), columns):
        part = slice(start, start + columns)
        sheet = image_grid(images[part], columns, low=low, high=high, padding=padding)
        above = column_labels(list(labels[part]), sheet.shape[1], padding)
        rows.append(np.concatenate([above, sheet]))
    width = rows[0].shape[1]
    return np.concatenate([_widen(row, width) for row in rows])


def _widen(row: np.ndarray, width: int) -> np.ndarray:
    """Fill a row with background on its right."""
    return np.concatenate([row, blank(len(row), width - row.shape[1])], axis=1)
