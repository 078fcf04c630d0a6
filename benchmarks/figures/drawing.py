"""Draws the moving picture of README and of the landing page.

The shipped S-agent of MNIST draws digits, each a little later than the one before it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent

ROWS, COLUMNS, EDGE, GAP = 3, 10, 56, 8  # edge and gap of a tile in pixels
BETWEEN, REST = 3, 18
"""Frames for one step, and frames in which a finished digit is shown."""
DELAY = 60  # milliseconds for each frame
GREYS = 16


def draw(seed: int = 4) -> list[Image.Image]:
    """Return the frames of a loop without a seam."""
    s_agent = SAgent.load(pretrained_path("mnist"))
    states = s_agent.sample(ROWS * COLUMNS, seed, return_trajectory=True)[:, :, 0]
    steps = len(states) - 1  # H
    length = steps * BETWEEN + REST
    shifts = np.random.default_rng(seed).permutation(ROWS * COLUMNS) * length // (ROWS * COLUMNS)
    frames = []
    for time in range(0, length):
        tiles = [look_up(states[:, i], (time + s) % length) for i, s in enumerate(shifts)]
        frames.append(arrange(np.stack(tiles)))
    return frames


def look_up(states: NDArray[np.float32], time: int) -> NDArray[np.float32]:
    """Return the image (28, 28) of a trajectory at a time, blended between its states."""
    last = len(states) - 1
    at = min(time / BETWEEN, last)
    low = int(at)
    share = at - low
    return states[low] if share == 0 else (1 - share) * states[low] + share * states[low + 1]


def arrange(tiles: NDArray[np.float32]) -> Image.Image:
    """Return the tiles in rows and columns on a dark ground, in a few greys."""
    size = (COLUMNS * (EDGE + GAP) + GAP, ROWS * (EDGE + GAP) + GAP)
    sheet = Image.new("L", size, 20)
    for i, tile in enumerate(tiles):
        grey = np.rint(np.rint(tile * (GREYS - 1)) * (255 / (GREYS - 1))).astype(np.uint8)
        picture = Image.fromarray(grey).resize((EDGE, EDGE), Image.Resampling.NEAREST)
        row, column = divmod(i, COLUMNS)
        sheet.paste(picture, (GAP + column * (EDGE + GAP), GAP + row * (EDGE + GAP)))
    return sheet


def write(out: Path) -> None:
    """Write the picture as a GIF."""
    out.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = draw()
    first.save(out, save_all=True, append_images=rest, duration=DELAY, loop=0, optimize=True)
