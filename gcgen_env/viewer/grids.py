"""Many states in one picture: samples, trajectories, reconstructions."""

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
from gcgen_env.viewer.files import save_gif, save_png
from gcgen_env.viewer.scatter import scatter_plot
from gcgen_env.viewer.types import check_bounds, check_finite, check_state_shape

__all__ = [
    "image_grid",
    "reconstruction_grid",
    "save_gif",
    "save_png",
    "scatter_plot",
    "trajectory_grid",
]

TILE_SIDE = 80
LABEL_HEIGHT, LABEL_WIDTH, PAIR_GAP = 22, 116, 8


def image_grid(
    images: np.ndarray,
    columns: int = 8,
    scale: int | None = None,
    low: float = 0.0,
    high: float = 1.0,
    padding: int = 4,
) -> np.ndarray:
    """Arrange images in rows, or scatter points.

    Args:
        images: Images, shape (N, C, height, width), or points, shape (N, 2).
        columns: Images in a row; fewer if there are fewer images.
        scale: Screen pixels per image pixel; chosen for tiles of about 80 pixels if None.
        low: Value shown black, or the lower end of a scatter's axes.
        high: Value shown white, or the upper end of a scatter's axes.
        padding: Pixels between images and around them.

    Returns:
        The picture, (rows * (height * scale + padding) + padding, ..., 3), uint8.

    Raises:
        ValueError: If the shape is wrong, there is no image or a number is not finite.
    """
    if _check_states("images", images, 1, low, high):
        return scatter_plot(images, low, high)
    tiles = _wrap(to_rgb(images, low, high), columns)
    return _mosaic(tiles, _default_scale(tiles) if scale is None else scale, padding)


def trajectory_grid(
    trajectories: np.ndarray, low: float = 0.0, high: float = 1.0, padding: int = 4
) -> np.ndarray:
    """Show trajectories as rows, time from left to right with the step on top.

    Args:
        trajectories: States, shape (H+1, N, C, height, width), or points, shape (H+1, N, 2), which
            give a scatter of the last states with their paths.
        low: Value shown black, or the lower end of a scatter's axes.
        high: Value shown white, or the upper end of a scatter's axes.
        padding: Pixels between images and around them.

    Returns:
        The picture, shape (height, width, 3), uint8; images lie under 22 pixels of labels.

    Raises:
        ValueError: If the shape is wrong, there is no state or a number is not finite.
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
    """Show goals above their reconstructions, in pairs of rows with labels on the left.

    Args:
        goals: Images, shape (N, C, height, width), or points, shape (N, 2), which give a scatter:
            goals grey, reconstructions coloured, a line between the two.
        reconstructions: What was rebuilt, same shape.
        columns: Images in a row; fewer if there are fewer images.
        low: Value shown black, or the lower end of a scatter's axes.
        high: Value shown white, or the upper end of a scatter's axes.
        padding: Pixels between images and around them.

    Returns:
        The picture, shape (height, width, 3), uint8; images lie right of 116 pixels of labels.

    Raises:
        ValueError: If shapes are wrong or differ, there is no image or a number is not finite.
    """
    if np.shape(goals) != np.shape(reconstructions):
        shapes = f"{np.shape(goals)} and {np.shape(reconstructions)}"
        raise ValueError(f"Expected goals and reconstructions of one shape, got {shapes}.")
    is_points = _check_states("goals", goals, 1, low, high)
    _check_states("reconstructions", reconstructions, 1, low, high)
    if is_points:
        pairs = np.stack([goals, reconstructions])
        return scatter_plot(reconstructions, low, high, reference=goals, trajectories=pairs)
    above = _wrap(to_rgb(goals, low, high), columns)
    below = _wrap(to_rgb(reconstructions, low, high), columns)
    blocks: list[np.ndarray] = []
    for pair in zip(above, below, strict=True):
        sheet = _mosaic(np.stack(pair), _default_scale(above), padding)
        labelled = np.concatenate([_row_labels(sheet.shape[0]), sheet], axis=1)
        blocks += [blank(PAIR_GAP, labelled.shape[1]), labelled] if blocks else [labelled]
    return np.concatenate(blocks)


def _check_states(name: str, states: np.ndarray, leading: int, low: float, high: float) -> bool:
    """Check an array with `leading` axes before the states; True if they are points."""
    shape = np.shape(states)
    check_state_shape(shape[leading:])
    if 0 in shape:
        raise ValueError(f"Expected at least one state in {name}, got shape {shape}.")
    check_finite(name, states)
    check_bounds(low, high)
    return shape[leading:] == (2,)


def _default_scale(tiles: np.ndarray) -> int:
    side = max(tiles.shape[-3:-1])
    return max(1, (TILE_SIDE + side // 2) // side)


def _wrap(pixels: np.ndarray, columns: int) -> np.ndarray:
    """Cut (N, h, w, 3) into rows of `columns`, the last one filled with background."""
    if columns < 1:
        raise ValueError(f"Expected at least one column, got {columns}.")
    count, height, width, _ = pixels.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    filled = np.full((rows * columns, height, width, 3), BACKGROUND, np.uint8)
    filled[:count] = pixels
    return filled.reshape(rows, columns, height, width, 3)


def _mosaic(tiles: np.ndarray, scale: int, padding: int) -> np.ndarray:
    """Join (rows, columns, h, w, 3) into one picture with padding between and around."""
    if scale < 1 or padding < 0:
        raise ValueError(f"Expected scale >= 1 and padding >= 0, got {scale} and {padding}.")
    large = upscale(tiles, scale)
    rows, columns, height, width, _ = large.shape
    cell = (height + padding, width + padding)
    sheet = blank(rows * cell[0] + padding, columns * cell[1] + padding)
    cells = np.full((rows, columns, *cell, 3), BACKGROUND, np.uint8)
    cells[:, :, padding:, padding:] = large
    inside = cells.swapaxes(1, 2).reshape(rows * cell[0], columns * cell[1], 3)
    sheet[: inside.shape[0], : inside.shape[1]] = inside
    return sheet


def _column_labels(labels: list[str], width: int, padding: int) -> np.ndarray:
    """Write a label over the middle of each column, where it fits."""
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
        middle = (LABEL_WIDTH - 8, height * share)
        write(ImageDraw.Draw(strip), middle, label, SMALL, MUTED, anchor="rm")
    return to_array(strip)
