"""Draw rows of images with a label beside each row."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import BACKGROUND, MUTED, SMALL, blank, text_width, to_array, write
from gcgen_env.viewer.grids import image_grid

MARGIN = 8  # pixels left and right of a label


def labelled_rows(
    rows: Sequence[tuple[str, np.ndarray]], low: float = 0.0, high: float = 1.0, padding: int = 4
) -> np.ndarray:
    """Draw rows of images, with labels on the left.

    Args:
        rows: Label and images of each row, shape (n, C, height, width); n may differ.
        low: Value of black.
        high: Value of white.
        padding: Number of pixels between images and around them.

    Returns:
        Picture, shape (height, width, 3), uint8.

    Raises:
        ValueError: If there is no row, the images are points, or a number is not finite.
    """
    if not rows:
        raise ValueError("Expected at least one row.")
    if any(np.ndim(images) != 4 for _, images in rows):
        raise ValueError("Expected images of shape (n, C, height, width): points have no rows.")
    sheets = [
        image_grid(images, len(images), low=low, high=high, padding=padding) for _, images in rows
    ]
    width = max(text_width(label, SMALL) for label, _ in rows) + 2 * MARGIN
    widest = max(sheet.shape[1] for sheet in sheets)
    parts = []
    for (label, _), sheet in zip(rows, sheets, strict=True):
        rest = blank(sheet.shape[0], widest - sheet.shape[1])
        parts.append(np.concatenate([_label(label, width, sheet.shape[0]), sheet, rest], axis=1))
    return np.concatenate(parts)


def _label(text: str, width: int, height: int) -> np.ndarray:
    """Write a label at the right end of a strip, in the middle of its height."""
    strip = Image.new("RGB", (width, height), BACKGROUND)
    write(ImageDraw.Draw(strip), (width - MARGIN, height / 2), text, SMALL, MUTED, anchor="rm")
    return to_array(strip)
