"""Goals that people give: uploaded files, drawings with the mouse, points of a plane."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agents.common.given_images import fit_image
from agents.studio.moves import read_number
from agents.studio.shared_model import Image, SharedModel
from gcgen_env.datasets.image_files import load_image
from gcgen_env.datasets.squares import find_middle
from gcgen_env.limits import SHARE

MOST_UPLOAD = 8 << 20
"""Most bytes of an uploaded file."""
MOST_DECODED = 64 << 20
"""Most bytes that an uploaded picture may decode to."""


def read_upload(path: str | Path, model: SharedModel) -> Image:
    """Read an uploaded picture as a goal (*S): the square in its middle, resized.

    Raises:
        ValueError: If it is no picture or too large, or the model's data are points. The message
            is one sentence, and names the file without its folders.
    """
    path = Path(path)
    check_images(model)
    # The name comes from the browser: it may hold control characters, or be very long.
    name = "".join(c for c in path.name if c.isprintable())[:40] or "the file"
    if path.is_file() and path.stat().st_size > MOST_UPLOAD:
        raise ValueError(f"{name}: larger than {MOST_UPLOAD >> 20} MiB, choose a smaller picture")
    try:
        picture = load_image(path, MOST_DECODED * SHARE)
    except ValueError as error:
        reason = str(error).replace(str(path), name).partition("; if you trust it")[0]
        raise ValueError(reason) from error
    square = np.asarray(picture.crop(find_middle(picture.size)).resize(_size_of(model)))
    pixels = square[None] if square.ndim == 2 else np.moveaxis(square, -1, 0)
    return fit_image(pixels, model.chain)


def read_painting(event: Mapping[str, Any], model: SharedModel) -> Image:
    """Read a drawing made with the mouse as a goal (*S).

    Args:
        event: "cells" holds the bytes of the pixels, red, green and blue, as base64.
        model: The model, whose size the drawing has.

    Raises:
        ValueError: If the bytes do not fit.
    """
    check_images(model)
    height, width = model.shape[1:]
    pixels = _decode(event, height * width * 3).reshape(height, width, 3)
    return fit_image(np.moveaxis(pixels, -1, 0), model.chain)


def read_mask(event: Mapping[str, Any], model: SharedModel) -> np.ndarray:
    """Read which pixels are to be hidden, shape (height, width), bool; see `read_painting`."""
    check_images(model)
    height, width = model.shape[1:]
    return _decode(event, height * width).reshape(height, width) > 0


def read_point(event: Mapping[str, Any], model: SharedModel) -> Image:
    """Read a click on the plane as a goal (2,); "x" and "y" are thousandths of its sides."""
    if not model.is_plane:
        raise ValueError("this model draws images, and the page has sent a point: load it again")
    share = np.array([read_number(event, name, 1000) for name in ("x", "y")]) / 1000
    low, high = model.likelihood.low, model.likelihood.high
    return (low + (high - low) * share).astype(np.float32)


def check_images(model: SharedModel) -> None:
    """Raise a ValueError unless a model draws images."""
    if model.is_plane:
        raise ValueError("the data of this model are points: click in the plane instead")


def _size_of(model: SharedModel) -> tuple[int, int]:
    """Return width and height of a model's images."""
    return model.shape[2], model.shape[1]


def _decode(event: Mapping[str, Any], size: int) -> np.ndarray:
    """Return the bytes of an event's cells, shape (size,)."""
    cells = event.get("cells")
    if not isinstance(cells, str) or len(cells) > 2 * size + 8:  # base64 takes 4/3 of the size
        raise ValueError("the page has sent a drawing of another size: load it again")
    try:
        content = base64.b64decode(cells, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the page has sent a damaged drawing: load it again") from error
    if len(content) != size:
        raise ValueError("the page has sent a drawing of another size: load it again")
    return np.frombuffer(content, np.uint8)
