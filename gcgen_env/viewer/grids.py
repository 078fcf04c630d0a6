"""Draw many states in one picture: samples, trajectories, reconstructions."""

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import (
    BACKGROUND,
    MUTED,
    SMALL,
    blank,
    text_width,
    to_array,
    to_rgb,
    upscale,
    write,
)
from gcgen_env.viewer.scatter import scatter_plot
from gcgen_env.viewer.types import check_bounds, check_finite, check_state_shape

TILE_SIDE = 80  # pixels
LABEL_HEIGHT, LABEL_WIDTH, PAIR_GAP = 22, 116, 8  # pixels


def image_grid(
    images: np.ndarray,
    columns: int = 8,
    scale: int | None = None,
    low: float = 0.0,
    high: float = 1.0,
    padding: int = 4,
) -> np.ndarray:
    """Draw images in rows, or points as a scatter plot.

    Args:
        images: Images, shape (N, C, height, width), or points, shape (N, 2).
        columns: Maximum number of images in a row.
        scale: Pixels of the picture per image pixel; None makes images about 80 pixels wide.
        low: Value of black, or the lower end of both axes of a scatter plot.
        high: Value of white, or the upper end of both axes of a scatter plot.
        padding: Number of pixels between images and around them.

    Returns:
        Picture, shape (rows * (height * scale + padding) + padding, ..., 3), uint8.

    Raises:
        ValueError: If the shape is wrong, there is no image, or a number is not finite.
    """
    if _check_states("images", images, 1, low, high):
        return scatter_plot(images, low, high)
    tiles = _wrap(to_rgb(images, low, high), columns)  # (rows, columns, height, width, 3)
    return _mosaic(tiles, _default_scale(tiles) if scale is None else scale, padding)


def trajectory_grid(
    trajectories: np.ndarray, low: float = 0.0, high: float = 1.0, padding: int = 4
) -> np.ndarray:
    """Draw each trajectory in a row, from left to right, with labels of the steps on top.

    Args:
        trajectories: Images, shape (H+1, N, C, height, width); or points, shape (H+1, N, 2),
            drawn as a scatter plot of the last states and lines to them.
        low: Value of black, or the lower end of both axes of a scatter plot.
        high: Value of white, or the upper end of both axes of a scatter plot.
        padding: Number of pixels between images and around them.

    Returns:
        Picture, shape (height, width, 3), uint8; the labels take the first 22 rows of pixels.

    Raises:
        ValueError: If the shape is wrong, there is no state, or a number is not finite.
    """
    if _check_states("trajectories", trajectories, 2, low, high):
        return scatter_plot(trajectories[-1], low, high, trajectories=trajectories)
    tiles = to_rgb(trajectories, low, high).swapaxes(0, 1)  # (N, H+1, height, width, 3)
    sheet = _mosaic(tiles, _default_scale(tiles), padding)
    labels = ["initial", *map(str, range(1, len(trajectories)))]
    return np.concatenate([_column_labels(labels, sheet.shape[1], padding), sheet])


def reconstruction_grid(
    goals: np.ndarray,
    reconstructions: np.ndarray,
    columns: int = 8,
    low: float = 0.0,
    high: float = 1.0,
    padding: int = 4,
) -> np.ndarray:
    """Draw goals above their reconstructions, in pairs of rows with labels on the left.

    Args:
        goals: Images, shape (N, C, height, width); or points, shape (N, 2), drawn as a scatter
            plot of grey goals, coloured reconstructions, and a line between the two.
        reconstructions: Reconstructions of the goals, same shape.
        columns: Maximum number of images in a row.
        low: Value of black, or the lower end of both axes of a scatter plot.
        high: Value of white, or the upper end of both axes of a scatter plot.
        padding: Number of pixels between images and around them.

    Returns:
        Picture, shape (height, width, 3), uint8; the labels take the first 116 columns of pixels.

    Raises:
        ValueError: If shapes are wrong or differ, there is no image, or a number is not finite.
    """
    if np.shape(goals) != np.shape(reconstructions):
        shapes = f"{np.shape(goals)} and {np.shape(reconstructions)}"
        raise ValueError(f"Expected goals and reconstructions of the same shape, got {shapes}.")
    is_points = _check_states("goals", goals, 1, low, high)
    _check_states("reconstructions", reconstructions, 1, low, high)
    if is_points:
        pairs = np.stack([goals, reconstructions])  # (2, N, 2), as trajectories of one step
        return scatter_plot(reconstructions, low, high, reference=goals, trajectories=pairs)
    above = _wrap(to_rgb(goals, low, high), columns)  # (rows, columns, height, width, 3)
    below = _wrap(to_rgb(reconstructions, low, high), columns)
    blocks: list[np.ndarray] = []
    for pair in zip(above, below, strict=True):  # (columns, height, width, 3) both
        sheet = _mosaic(np.stack(pair), _default_scale(above), padding)
        labelled = np.concatenate([_row_labels(sheet.shape[0]), sheet], axis=1)
        blocks += [blank(PAIR_GAP, labelled.shape[1]), labelled] if blocks else [labelled]
    return np.concatenate(blocks)


def _check_states(name: str, states: np.ndarray, leading: int, low: float, high: float) -> bool:
    """Check states that follow `leading` axes; return whether they are points."""
    shape = np.shape(states)
    check_state_shape(shape[leading:])
    if 0 in shape:
        raise ValueError(f"Expected at least one state in {name}, got shape {shape}.")
    check_finite(name, states)
    check_bounds(low, high)
    return shape[leading:] == (2,)


def _default_scale(tiles: np.ndarray) -> int:
    side = max(tiles.shape[-3:-1])
    return max(1, (TILE_SIDE + side // 2) // side)  # rounded to the nearest


def _wrap(pixels: np.ndarray, columns: int) -> np.ndarray:
    """Arrange (N, height, width, 3) in rows of `columns`; background fills the last row."""
    if columns < 1:
        raise ValueError(f"Expected at least one column, got {columns}.")
    count, height, width, _ = pixels.shape
    columns = min(columns, count)
    rows = -(-count // columns)  # rounded up
    filled = np.full((rows * columns, height, width, 3), BACKGROUND, np.uint8)
    filled[:count] = pixels
    return filled.reshape(rows, columns, height, width, 3)


def _mosaic(tiles: np.ndarray, scale: int, padding: int) -> np.ndarray:
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


def _column_labels(labels: list[str], width: int, padding: int) -> np.ndarray:
    """Write a label above each column if the column is wide enough."""
    strip = Image.new("RGB", (width, LABEL_HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(strip)
    pitch = (width - padding) / len(labels)
    for column, label in enumerate(labels):
        if text_width(label, SMALL) <= pitch:
            middle = padding / 2 + (column + 0.5) * pitch
            write(draw, (middle, LABEL_HEIGHT / 2 + 2), label, SMALL, MUTED, anchor="mm")
    return to_array(strip)


def _row_labels(height: int) -> np.ndarray:
    strip = Image.new("RGB", (LABEL_WIDTH, height), BACKGROUND)
    for share, label in ((0.25, "goals"), (0.75, "reconstructions")):
        middle = (LABEL_WIDTH - 8, height * share)  # right end of the text
        write(ImageDraw.Draw(strip), middle, label, SMALL, MUTED, anchor="rm")
    return to_array(strip)
