"""The body of a frame whose states are images: state and goal, then the grid of proposals."""

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

MARGIN, COLUMN_GAP, TITLE = 24, 36, 26
TILE_GAP, BAR_GAP, BAR = 12, 5, 4
FRAME = 3
BIG_SIDE, SMALLEST_SIDE = 240, 44
NARROWEST = 520


class Layout(NamedTuple):
    """Where things go, in pixels: a function of (A, height, width) alone, so videos keep a size."""

    big_scale: int
    """Factor from the image to the pictures of state and goal."""
    scale: int
    """Factor from the image to a proposal's tile."""
    columns: int
    """Tiles in a row."""
    cell: tuple[int, int]
    """Width and height from one tile to the next: tile, bar and gap."""
    grid_left: int
    """Left edge of the proposals."""
    size: tuple[int, int]
    """Width and height of the body."""


def make_layout(num_proposals: int, height: int, width: int) -> Layout:
    """Lay out a frame of `num_proposals` proposals of height x width pixels."""
    big_scale = max(1, BIG_SIDE // max(height, width))
    left_width = max(width * big_scale, text_width("state"))
    left_height = 2 * (TITLE + height * big_scale) + TILE_GAP
    columns = _balanced_columns(num_proposals, width / height)
    rows = ceil(num_proposals / columns)
    room = (left_height - TITLE) // rows - TILE_GAP - BAR_GAP - BAR
    smallest = ceil(SMALLEST_SIDE / max(height, width))
    scale = min(big_scale, max(smallest, room // height))
    cell = (width * scale + TILE_GAP, height * scale + BAR_GAP + BAR + TILE_GAP)
    grid_left = MARGIN + left_width + COLUMN_GAP
    full_width = max(NARROWEST, grid_left + columns * cell[0] - TILE_GAP + MARGIN)
    full_height = max(left_height, TITLE + rows * cell[1] - TILE_GAP) + MARGIN
    return Layout(big_scale, scale, columns, cell, grid_left, (full_width, full_height))


def draw_tiles(frame: Frame) -> Image.Image:
    """Draw the body of an image frame, without its header."""
    layout = make_layout(len(frame.proposals), *frame.state.shape[1:])
    picture = Image.new("RGB", layout.size, BACKGROUND)
    below = TITLE + frame.state.shape[1] * layout.big_scale + TILE_GAP
    _draw_big(picture, frame, frame.state, "state", 0, TEXT)
    _draw_big(picture, frame, frame.goal, "goal", below, GOAL)
    _draw_legend(ImageDraw.Draw(picture), frame, layout)
    _draw_proposals(picture, frame, layout)
    return picture


def _balanced_columns(num_proposals: int, aspect: float) -> int:
    """Choose the columns: a grid about half as wide again as high, with few empty cells."""

    def badness(columns: int) -> float:
        rows = ceil(num_proposals / columns)
        empty = rows * columns / num_proposals - 1
        return abs(log(columns * aspect / rows / 1.5)) + 4 * empty

    return min(range(1, num_proposals + 1), key=badness)


def _draw_big(
    picture: Image.Image, frame: Frame, image: np.ndarray, title: str, top: int, color: Color
) -> None:
    layout = make_layout(len(frame.proposals), *image.shape[1:])
    write(ImageDraw.Draw(picture), (MARGIN, top), title, MEDIUM, color)
    pixels = upscale(to_rgb(image, frame.low, frame.high), layout.big_scale)
    _paste(picture, pixels, MARGIN, top + TITLE)


def _draw_legend(draw: ImageDraw.ImageDraw, frame: Frame, layout: Layout) -> None:
    """Write how many proposals there are and what a full bar means."""
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
    pixels = np.where(invalid[:, None, None, None], dim_pixels(pixels), pixels)
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
    box = (left - FRAME, top - FRAME, left + width + FRAME - 1, top + height + FRAME - 1)
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
