"""Draw many states in one picture: samples, trajectories, pairs."""

from collections.abc import Sequence

import numpy as np

from gcgen_env.viewer.drawing import blank, to_rgb
from gcgen_env.viewer.mosaic import column_labels, default_scale, mosaic, row_labels, wrap
from gcgen_env.viewer.scatter import scatter_plot
from gcgen_env.viewer.types import check_bounds, check_finite, check_state_shape

PAIR_GAP = 8  # pixels
MOST_STATES = 17
"""Most states of a trajectory in a picture."""


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
    tiles = wrap(to_rgb(images, low, high), columns)  # (rows, columns, height, width, 3)
    return mosaic(tiles, default_scale(tiles) if scale is None else scale, padding)


def trajectory_grid(
    trajectories: np.ndarray, low: float = 0.0, high: float = 1.0, padding: int = 4
) -> np.ndarray:
    """Draw each trajectory in a row, from left to right, with labels of the steps on top.

    Of a long trajectory it draws some states, more of the early ones, which differ most.

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
    steps = _choose_steps(len(trajectories))
    tiles = to_rgb(trajectories[steps], low, high).swapaxes(0, 1)  # (N, steps, height, width, 3)
    sheet = mosaic(tiles, default_scale(tiles), padding)
    labels = [str(h) if h else "initial" for h in steps]
    return np.concatenate([column_labels(labels, sheet.shape[1], padding), sheet])


def _choose_steps(num: int) -> list[int]:
    """Return all of `num` steps, or some, whose distances grow, from the first to the last one."""
    if num <= MOST_STATES:
        return list(range(num))
    place = np.linspace(0, 1, MOST_STATES) ** 2
    return np.unique(np.rint((num - 1) * place).astype(int)).tolist()


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
    names = ("goals", "reconstructions")
    if _check_pairs(names, goals, reconstructions, low, high):
        pairs = np.stack([goals, reconstructions])  # (2, N, 2), as trajectories of one step
        return scatter_plot(reconstructions, low, high, reference=goals, trajectories=pairs)
    above, below = to_rgb(goals, low, high), to_rgb(reconstructions, low, high)
    return _pair_grid(names, above, below, columns, padding)


def nearest_grid(
    samples: np.ndarray,
    nearest: np.ndarray,
    distances: Sequence[float] | np.ndarray,
    columns: int = 8,
    low: float = 0.0,
    high: float = 1.0,
    padding: int = 4,
) -> np.ndarray:
    """Draw samples above the nearest training images, and their distances below these.

    Args:
        samples: Images, shape (N, C, height, width); or points, shape (N, 2), drawn as a scatter
            plot of coloured samples, grey training points, and a line between the two.
        nearest: The nearest training image of each sample, same shape.
        distances: Distance between the two, shape (N,).
        columns: Maximum number of images in a row.
        low: Value of black, or the lower end of both axes of a scatter plot.
        high: Value of white, or the upper end of both axes of a scatter plot.
        padding: Number of pixels between images and around them.

    Returns:
        Picture, shape (height, width, 3), uint8; the labels take the first 116 columns of pixels.

    Raises:
        ValueError: If shapes are wrong or differ, there is no image, or a number is not finite.
    """
    names = ("samples", "nearest")
    is_points = _check_pairs(names, samples, nearest, low, high)
    if np.shape(distances) != np.shape(samples)[:1]:
        raise ValueError(
            f"Expected one distance for each sample, got {np.shape(distances)} for "
            f"{len(samples)} samples."
        )
    if is_points:
        pairs = np.stack([nearest, samples])  # (2, N, 2), as trajectories of one step
        return scatter_plot(samples, low, high, reference=nearest, trajectories=pairs)
    above, below = to_rgb(samples, low, high), to_rgb(nearest, low, high)
    captions = [f"{distance:.3f}" for distance in distances]
    return _pair_grid(names, above, below, columns, padding, captions)


def _pair_grid(
    names: tuple[str, str],
    above: np.ndarray,
    below: np.ndarray,
    columns: int,
    padding: int,
    captions: Sequence[str] = (),
) -> np.ndarray:
    """Draw pixels (N, height, width, 3) in pairs of labelled rows, with captions below if any."""
    rows = zip(wrap(above, columns), wrap(below, columns), strict=True)
    blocks: list[np.ndarray] = []
    for row, pair in enumerate(rows):  # (columns, height, width, 3) both
        sheet = mosaic(np.stack(pair), default_scale(above), padding)
        labelled = np.concatenate([row_labels(names, sheet.shape[0]), sheet], axis=1)
        blocks += [blank(PAIR_GAP, labelled.shape[1]), labelled] if blocks else [labelled]
        if captions:
            num = len(pair[0])  # the last row may be filled with background
            given = list(captions[row * num : (row + 1) * num])
            labels = column_labels(given + [""] * (num - len(given)), sheet.shape[1], padding)
            side = row_labels(["distance"], labels.shape[0])
            blocks.append(np.concatenate([side, labels], axis=1))
    return np.concatenate(blocks)


def _check_pairs(
    names: tuple[str, str], one: np.ndarray, other: np.ndarray, low: float, high: float
) -> bool:
    """Check states of the same shape; return whether they are points."""
    if np.shape(one) != np.shape(other):
        shapes = f"{np.shape(one)} and {np.shape(other)}"
        raise ValueError(f"Expected {names[0]} and {names[1]} of the same shape, got {shapes}.")
    is_points = _check_states(names[0], one, 1, low, high)
    _check_states(names[1], other, 1, low, high)
    return is_points


def _check_states(name: str, states: np.ndarray, leading: int, low: float, high: float) -> bool:
    """Check states that follow `leading` axes; return whether they are points."""
    shape = np.shape(states)
    check_state_shape(shape[leading:])
    if 0 in shape:
        raise ValueError(f"Expected at least one state in {name}, got shape {shape}.")
    check_finite(name, states)
    check_bounds(low, high)
    return shape[leading:] == (2,)
