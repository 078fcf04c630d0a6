"""The rows of the pictures that `gcgen edit` draws: a label and images for each row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agents.codec import begin_from, change_choice, interpolate, resample_rest
from agents.gcgen import GCGen

Row = tuple[str, NDArray[np.float32]]
MOST_ROWS = 6
"""Number of steps that are shown, evenly spread, if there are more."""
Edits = Callable[[GCGen, NDArray[np.float32], int, int], list[Row]]
"""Maps a model, images (2, *S), a number of results and a seed to rows."""


def draw_rest(model: GCGen, images: NDArray[np.float32], num: int, seed: int) -> list[Row]:
    """Keep more and more choices of the first image's code."""
    (code,) = model.encode(images[:1])
    rows = [_original(model, images[0], code)]
    for keep in _spread(model.chain.horizon):
        codes = resample_rest(model, code, keep, num, seed)
        rows.append((f"{keep} choices kept", model.decode(codes)))
    return rows


def change_one(model: GCGen, images: NDArray[np.float32], num: int, seed: int) -> list[Row]:
    """Change one choice of the first image's code, at several steps."""
    (code,) = model.encode(images[:1])
    rows = [_original(model, images[0], code)]
    for step in _spread(model.chain.horizon):
        codes = change_choice(model, code, step, num)
        rows.append((f"choice {step + 1} changed", model.decode(codes)))
    return rows


def walk(model: GCGen, images: NDArray[np.float32], num: int, seed: int) -> list[Row]:
    """Walk from the first image to the second."""
    codes, goals = interpolate(model, images[0], images[1], num)
    return [("mixed canvases", goals), ("their codes", model.decode(codes))]


def begin(model: GCGen, images: NDArray[np.float32], num: int, seed: int) -> list[Row]:
    """Begin on the way to the first image, at several steps."""
    rows = [("image", images[:1])]
    for step in _spread(model.chain.horizon):
        drawn = begin_from(model, images[0], step, num, seed)
        rows.append((f"{step} steps of {model.chain.horizon}", drawn))
    return rows


EDITS: dict[str, Edits] = {
    "resample": draw_rest,
    "change": change_one,
    "interpolate": walk,
    "begin": begin,
}
"""What `gcgen edit` can do."""


def _original(model: GCGen, image: NDArray[np.float32], code: NDArray[np.int64]) -> Row:
    """Return the row of an image and its reconstruction."""
    return "image, its code", np.concatenate([image[None], model.decode(code[None])])


def _spread(horizon: int) -> list[int]:
    """Return at most `MOST_ROWS` steps in [0, H), evenly spread from 0 on."""
    return [round(i) for i in np.arange(0, horizon, max(1.0, horizon / MOST_ROWS))]
