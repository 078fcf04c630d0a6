"""Draw the body of a frame of images: state and goal on the left, proposals on the right."""

from math import ceil, log
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import (
    ACCENT,
    BACKGROUND,
    GOAL,
    LINE,
    MEDIUM,
    MUTED,
    PRIOR,
    SMALL,
    TEXT,
    Color,
    dim,
    dim_pixels,
    text_width,
    to_rgb,
    upscale,
    write,
)
from gcgen_env.viewer.types import Frame, prior_probabilities

MARGIN, COLUMN_GAP, TITLE = 24, 36, 26  # pixels, as all sizes here
TILE_GAP, BAR_GAP, BAR = 12, 5, 4
BORDER = 3
BIG_SIDE, BIGGEST_SIDE, SMALLEST_SIDE = 240, 400, 44
NARROWEST = 520
MOST_STRETCH = 24  # most that is added between two rows to fill the height


class Layout(NamedTuple):
    """Positions and sizes in pixels; they depend only on A, height and width of the images.

    Attributes:
        big_scale: Magnification of state and goal.
        goal_top: Top edge of the title of the goal.
        scale: Magnification of the proposals.
        columns: Number of proposals in a row.
        cell: Width and height of a proposal with its bar and gap.
        grid_left: Left edge of the proposals.
        size: Width and height of the body.
    """

    big_scale: int
    goal_top: int
    scale: int
    columns: int
    cell: tuple[int, int]
    grid_left: int
    size: tuple[int, int]


def make_layout(num_proposals: int, height: int, width: int) -> Layout:
    """Compute the layout for `num_proposals` images of height x width pixels."""
    columns = _balanced_columns(num_proposals, width / height)
    rows = ceil(num_proposals / columns)
    scale = _tile_scale(rows, height, width)
    pitch = height * scale + BAR_GAP + BAR + TILE_GAP
    big_scale = _big_scale(TITLE + rows * pitch - TILE_GAP, height, width)
    pair_height = 2 * (TITLE + height * big_scale) + TILE_GAP
    spare = pair_height - (TITLE + rows * pitch - TILE_GAP)  # negative if the grid is higher
    pitch += min(MOST_STRETCH, max(0, spare) // max(1, rows - 1))
    grid_height = TITLE + rows * pitch - TILE_GAP
    stretch = min(2 * MOST_STRETCH, max(0, grid_height - pair_height))
    grid_left = MARGIN + max(width * big_scale, text_width("state")) + COLUMN_GAP
    cell = (width * scale + TILE_GAP, pitch)
    right = grid_left + columns * cell[0] - TILE_GAP
    return Layout(
        big_scale=big_scale,
        goal_top=TITLE + height * big_scale + TILE_GAP + stretch,
        scale=scale,
        columns=columns,
        cell=cell,
        grid_left=grid_left,
        size=(max(NARROWEST, right + MARGIN), max(pair_height, grid_height) + MARGIN),
    )


def draw_tiles(frame: Frame) -> Image.Image:
    """Draw the body of a frame of images, without the header."""
    layout = make_layout(len(frame.proposals), *frame.state.shape[1:])
    picture = Image.new("RGB", layout.size, BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for title, image, top, color in (
        ("state", frame.state, 0, TEXT),
        ("goal", frame.goal, layout.goal_top, GOAL),
    ):
        write(draw, (MARGIN, top), title, MEDIUM, color)
        pixels = upscale(to_rgb(image, frame.low, frame.high), layout.big_scale)
        _paste(picture, pixels, MARGIN, top + TITLE)
    _draw_legend(draw, frame, layout)
    _draw_proposals(picture, frame, layout)
    return picture


def _balanced_columns(num_proposals: int, aspect: float) -> int:
    """Choose the number of columns: about 3:2 as a whole, with few empty cells."""

    def badness(columns: int) -> float:
        rows = ceil(num_proposals / columns)
        empty = rows * columns - num_proposals
        return (
            abs(log(columns * aspect / rows / 1.5)) + 0.5 * (empty > 0) + 3 * empty / num_proposals
        )

    return min(range(1, num_proposals + 1), key=badness)


def _tile_scale(rows: int, height: int, width: int) -> int:
    """Choose the magnification of proposals: about as high as state and goal, not too small."""
    side = max(height, width)
    largest = max(1, BIG_SIDE // side)
    room = (2 * height * largest + TITLE + 2 * TILE_GAP) / rows - BAR_GAP - BAR - TILE_GAP
    return min(largest, max(ceil(SMALLEST_SIDE / side), round(room / height)))


def _big_scale(grid_height: int, height: int, width: int) -> int:
    """Choose the magnification of state and goal, larger if the grid of proposals is high."""
    side = max(height, width)
    filling = ((grid_height - TILE_GAP) // 2 - TITLE) // height
    return max(1, BIG_SIDE // side, min(filling, BIGGEST_SIDE // side))


def _draw_legend(draw: ImageDraw.ImageDraw, frame: Frame, layout: Layout) -> None:
    """Write the number of proposals and the prior of a full bar."""
    num_valid = int(np.count_nonzero(frame.action_mask))
    title = f"{len(frame.proposals)} proposals"
    if num_valid < len(frame.proposals):
        title += f", {num_valid} valid"
    write(draw, (layout.grid_left, 0), title)
    largest = prior_probabilities(frame.log_prior).max()
    note = f"bar: prior, full = {largest:.2g}"
    right = layout.size[0] - MARGIN
    if layout.grid_left + text_width(title) + 16 + text_width(note, SMALL) <= right:
        write(draw, (right, 2), note, SMALL, MUTED, anchor="ra")


def _draw_proposals(picture: Image.Image, frame: Frame, layout: Layout) -> None:
    pixels = upscale(to_rgb(frame.proposals, frame.low, frame.high), layout.scale)
    invalid = ~np.asarray(frame.action_mask, bool)
    pixels = np.where(invalid[:, None, None, None], dim_pixels(pixels), pixels)  # (A, h, w, 3)
    prior = prior_probabilities(frame.log_prior)
    for index, tile in enumerate(pixels):
        row, column = divmod(index, layout.columns)
        left = layout.grid_left + column * layout.cell[0]
        top = TITLE + row * layout.cell[1]
        color = ACCENT if index == frame.chosen else PRIOR
        if index == frame.chosen:
            _draw_border(picture, left, top, tile)
        _paste(picture, tile, left, top)
        share = float(prior[index] / prior.max())
        _draw_bar(picture, left, top, tile, share, dim(color) if invalid[index] else color)


def _draw_border(picture: Image.Image, left: int, top: int, tile: np.ndarray) -> None:
    height, width = tile.shape[:2]
    box = (left - BORDER, top - BORDER, left + width + BORDER - 1, top + height + BORDER - 1)
    ImageDraw.Draw(picture).rectangle(box, fill=ACCENT)


def _draw_bar(
    picture: Image.Image, left: int, top: int, tile: np.ndarray, share: float, color: Color
) -> None:
    draw = ImageDraw.Draw(picture)
    height, width = tile.shape[:2]
    bar_top = top + height + BAR_GAP
    draw.rectangle((left, bar_top, left + width - 1, bar_top + BAR - 1), fill=dim(LINE))
    filled = round(share * width)
    if filled:
        draw.rectangle((left, bar_top, left + filled - 1, bar_top + BAR - 1), fill=color)


def _paste(picture: Image.Image, pixels: np.ndarray, left: int, top: int) -> None:
    picture.paste(Image.fromarray(np.ascontiguousarray(pixels)), (left, top))
