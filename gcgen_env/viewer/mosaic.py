"""Images in rows and columns, and strips of labels beside and above them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import (
    BACKGROUND,
    MUTED,
    SMALL,
    blank,
    text_width,
    to_array,
    upscale,
    write,
)

TILE_SIDE = 80  # pixels
LABEL_HEIGHT, LABEL_WIDTH = 22, 116  # pixels


def default_scale(tiles: np.ndarray) -> int:
    """Return the scale that makes images, shape (..., height, width, 3), about 80 pixels wide."""
    side = max(tiles.shape[-3:-1])
    return max(1, (TILE_SIDE + side // 2) // side)  # rounded to the nearest


def wrap(pixels: np.ndarray, columns: int) -> np.ndarray:
    """Arrange (N, height, width, 3) in rows of `columns`; background fills the last row."""
    if columns < 1:
        raise ValueError(f"Expected at least one column, got {columns}.")
    count, height, width, _ = pixels.shape
    columns = min(columns, count)
    rows = -(-count // columns)  # rounded up
    filled = np.full((rows * columns, height, width, 3), BACKGROUND, np.uint8)
    filled[:count] = pixels
    return filled.reshape(rows, columns, height, width, 3)


def mosaic(tiles: np.ndarray, scale: int, padding: int) -> np.ndarray:
    """Join (rows, columns, height, width, 3) to one picture, with padding between and around."""
    if scale < 1 or padding < 0:
        raise ValueError(f"Expected scale >= 1 and padding >= 0, got {scale} and {padding}.")
    large = upscale(tiles, scale)
    rows, columns, height, width, _ = large.shape
    cell = (height + padding, width + padding)
    sheet = blank(rows * cell[0] + padding, columns * cell[1] + padding)
    cells = np.full((rows, columns, *cell, 3), BACKGROUND, np.uint8)
    cells[:, :, padding:, padding:] = large  # padding above and left of each tile
    inside = cells.swapaxes(1, 2).reshape(rows * cell[0], columns * cell[1], 3)
    sheet[: inside.shape[0], : inside.shape[1]] = inside
    return sheet


def column_labels(labels: list[str], width: int, padding: int) -> np.ndarray:
    """Return a strip of labels, one for each column of a mosaic that is wide enough for it."""
    strip = Image.new("RGB", (width, LABEL_HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(strip)
    pitch = (width - padding) / len(labels)
    for column, label in enumerate(labels):
        if text_width(label, SMALL) <= pitch:
            middle = padding / 2 + (column + 0.5) * pitch
            write(draw, (middle, LABEL_HEIGHT / 2 + 2), label, SMALL, MUTED, anchor="mm")
    return to_array(strip)


def row_labels(labels: Sequence[str], height: int) -> np.ndarray:
    """Return a strip of labels, one for each of some rows of equal height."""
    strip = Image.new("RGB", (LABEL_WIDTH, height), BACKGROUND)
    for row, label in enumerate(labels):
        middle = (LABEL_WIDTH - 8, height * (row + 0.5) / len(labels))  # right end of the text
        write(ImageDraw.Draw(strip), middle, label, SMALL, MUTED, anchor="rm")
    return to_array(strip)
