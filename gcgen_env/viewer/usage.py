"""Draw how often each proposal is chosen: a row of cells for each step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import (
    BACKGROUND,
    MUTED,
    PANEL,
    PRIOR,
    SMALL,
    text_width,
    to_array,
    write,
)

WIDTH = 720  # pixels, about, of all cells of a row
ROW, GAP, MARGIN, LEFT = 18, 3, 12, 64  # pixels


def usage_picture(counts: np.ndarray, notes: Sequence[str]) -> np.ndarray:
    """Draw the use of proposals, from the most to the least used one at each step.

    The brightness of a cell is the share of the proposal, compared with the largest one of its
    step. Unused proposals are dark.

    Args:
        counts: How often each proposal is chosen, shape (H, A), not negative.
        notes: A text on the right of each step.

    Returns:
        Picture, shape (height, width, 3), uint8.

    Raises:
        ValueError: If the shape is wrong, a count is negative, or there are not H notes.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or not counts.size or len(notes) != len(counts) or (counts < 0).any():
        raise ValueError(
            f"Expected counts (H, A) of at least 0 and H notes, got {counts.shape} and "
            f"{len(notes)} notes."
        )
    horizon, num = counts.shape
    pitch = max(2, min(WIDTH // num, ROW + GAP))
    side = max(text_width(note, SMALL) for note in notes)
    size = (LEFT + num * pitch + side + 2 * MARGIN, 2 * MARGIN + horizon * (ROW + GAP) - GAP)
    picture = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(picture)
    shares = -np.sort(-counts, axis=1) / np.maximum(counts.max(1, keepdims=True), 1)  # (H, A)
    for h in range(horizon):
        top = MARGIN + h * (ROW + GAP)
        write(pen, (LEFT - 10, top + ROW / 2), f"step {h + 1}", SMALL, MUTED, anchor="rm")
        for i, share in enumerate(shares[h]):
            left = LEFT + i * pitch
            box = (left, top, left + max(1, pitch - GAP), top + ROW)
            pen.rectangle(box, fill=_mix(float(share)))
        write(pen, (size[0] - MARGIN, top + ROW / 2), notes[h], SMALL, MUTED, anchor="rm")
    return to_array(picture)


def _mix(share: float) -> tuple[int, int, int]:
    """Return a colour between that of an unused and that of the most used proposal."""
    red, green, blue = (
        round(dark + (light - dark) * share**0.5)  # small shares remain visible
        for dark, light in zip(PANEL, PRIOR, strict=True)
    )
    return red, green, blue
