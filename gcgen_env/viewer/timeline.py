"""Draw images on their way through the steps, above bars of figures of each step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import (
    BACKGROUND,
    LINE,
    MUTED,
    PRIOR,
    SMALL,
    TEXT,
    text_width,
    to_array,
    write,
)
from gcgen_env.viewer.grids import image_grid
from gcgen_env.viewer.mosaic import column_labels

COLUMNS = 11
"""Most columns of a picture; neighbouring steps share one if there are more."""
BAR_HEIGHT, GAP = 64, 26  # pixels
PADDING = 4  # pixels between images


def timeline(
    states: np.ndarray,
    panels: Sequence[tuple[str, np.ndarray]],
    low: float = 0.0,
    high: float = 1.0,
) -> np.ndarray:
    """Draw states in columns, and panels of bars below the columns.

    Args:
        states: Images, shape (H + 1, N, C, height, width), one trajectory in each row.
        panels: Title and values of each panel, shape (H,): the value of the step that leads to a
            state. Where neighbouring steps share a column, their mean is drawn.
        low: Value of black.
        high: Value of white.

    Returns:
        Picture, shape (height, width, 3), uint8.

    Raises:
        ValueError: If a shape is wrong.
    """
    horizon = len(states) - 1
    if np.ndim(states) != 5 or horizon < 1 or any(np.shape(v) != (horizon,) for _, v in panels):
        raise ValueError(
            "Expected states (H + 1, N, C, height, width) and H values in each panel, got "
            f"{np.shape(states)} and {[np.shape(values) for _, values in panels]}."
        )
    groups = np.array_split(np.arange(horizon), min(horizon, COLUMNS - 1))
    shown = states[[0, *(group[-1] + 1 for group in groups)]]  # (columns, N, C, height, width)
    tiles = shown.swapaxes(0, 1).reshape(-1, *shown.shape[2:])
    sheet = image_grid(tiles, len(shown), low=low, high=high, padding=PADDING)
    labels = ["initial", *(_name(group) for group in groups)]
    parts = [column_labels(labels, sheet.shape[1], PADDING), sheet]
    for title, values in panels:
        means = np.array([values[group].mean() for group in groups])
        parts.append(_draw_panel(title, means, sheet.shape[1]))
    return np.concatenate(parts)


def _name(group: np.ndarray) -> str:
    """Return the numbers of the steps of a column, counted from 1."""
    first, last = group[0] + 1, group[-1] + 1
    return str(first) if first == last else f"{first}-{last}"


def _draw_panel(title: str, values: np.ndarray, width: int) -> np.ndarray:
    """Draw a bar below each column but the first, with its value above it."""
    picture = Image.new("RGB", (width, 2 * GAP + BAR_HEIGHT), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    write(pen, (PADDING, 6), title, SMALL, MUTED)
    pitch = (width - PADDING) / (len(values) + 1)
    floor, top = picture.height - 2, max(values.max(), 0.0)
    for column, value in enumerate(values, start=1):
        left, right = PADDING + column * pitch, column * pitch + pitch
        height = round(BAR_HEIGHT * max(value, 0.0) / top) if top else 0
        if height:
            pen.rectangle((left, floor - height, right, floor), fill=PRIOR)
        label = f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
        if text_width(label, SMALL) <= pitch:
            write(pen, ((left + right) / 2, floor - height - 3), label, SMALL, TEXT, anchor="md")
    pen.line(((PADDING + pitch, floor + 1), (width - PADDING, floor + 1)), fill=LINE)
    return to_array(picture)
