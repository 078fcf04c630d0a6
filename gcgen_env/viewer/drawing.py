"""Colours, fonts and basic drawing functions."""

from functools import cache
from math import ceil

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]

BACKGROUND: Color = (19, 22, 29)
PANEL: Color = (27, 31, 40)
LINE: Color = (54, 60, 73)
MUTED: Color = (146, 154, 170)
TEXT: Color = (236, 239, 244)
PRIOR: Color = (96, 165, 232)
GOAL: Color = (94, 208, 164)
ACCENT: Color = (255, 179, 46)

SMALL, MEDIUM, LARGE = 13, 16, 23
"""Text sizes in pixels."""

WORD_SPACE = 0.3
"""Space between words as a fraction of the text size."""

DIMMED = 0.22
"""Opacity of invalid proposals on the background."""


def to_rgb(images: np.ndarray, low: float, high: float) -> np.ndarray:
    """Convert images, shape (..., C, height, width), to pixels (..., height, width, 3), uint8.

    Values are clipped to [low, high], where `low` is black and `high` full brightness.
    """
    unit = np.clip((np.asarray(images, np.float64) - low) / (high - low), 0.0, 1.0)
    pixels = np.moveaxis(np.rint(unit * 255.0).astype(np.uint8), -3, -1)
    return np.broadcast_to(pixels, (*pixels.shape[:-1], 3))  # grey to RGB


def upscale(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Repeat every pixel of (..., height, width, 3) `scale` times along height and width."""
    return pixels.repeat(scale, axis=-3).repeat(scale, axis=-2)


def blank(height: int, width: int, color: Color = BACKGROUND) -> np.ndarray:
    """Return a picture of one colour, shape (height, width, 3), uint8."""
    return np.full((height, width, 3), color, np.uint8)


def dim(color: Color) -> Color:
    """Blend a colour with the background, for invalid proposals."""
    red, green, blue = dim_pixels(np.array(color)).tolist()
    return red, green, blue


def dim_pixels(pixels: np.ndarray) -> np.ndarray:
    """Blend pixels, shape (..., 3), uint8, with the background, as `dim` does."""
    return np.rint(DIMMED * pixels + (1 - DIMMED) * np.array(BACKGROUND)).astype(np.uint8)


def write(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    text: str,
    size: int = MEDIUM,
    color: Color = TEXT,
    anchor: str = "la",
) -> None:
    """Write one line of text; `anchor` is one of Pillow's, such as "la" for left and ascender.

    Words are drawn one by one because kerning makes the spaces of the font too narrow.
    """
    x, y = position
    x -= {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * text_width(text, size)  # to the left edge
    for word in text.split(" "):
        draw.text((x, y), word, fill=color, font=_font(size), anchor="l" + anchor[1])
        x += _font(size).getlength(word) + WORD_SPACE * size


def text_width(text: str, size: int = MEDIUM) -> int:
    """Return the width of one line of text in pixels."""
    words = text.split(" ")
    letters = sum(_font(size).getlength(word) for word in words)
    return ceil(letters + (len(words) - 1) * WORD_SPACE * size)


def to_array(picture: Image.Image) -> np.ndarray:
    """Copy a Pillow image to an array, shape (height, width, 3), uint8."""
    return np.array(picture.convert("RGB"), np.uint8)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
