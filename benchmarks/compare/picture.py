"""Draws samples of all models side by side, beside real images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.compare.quality import REAL, find_samples, read_samples
from benchmarks.trials import folder_of
from gcgen_env.viewer import image_grid, save_png
from gcgen_env.viewer.drawing import BACKGROUND, MEDIUM, TEXT, blank, to_array, write

TITLES = {
    "gcgen": "GCGen",
    "ddn": "DDN's rule",
    "vae": "autoencoder",
    "diffusion": "diffusion",
    "flow": "flow matching",
}
"""The names of the models in the picture."""
SIDE = 8  # images, in each direction
BLOCKS = 3  # in a row
GAP, TITLE_HEIGHT = 12, 28  # pixels

Pixels = NDArray[np.uint8]


def draw_comparison(out: Path, names: list[str], seed: int) -> None:
    """Write comparison.png: real images, and the first samples of each model.

    Args:
        out: Folder of the trials.
        names: Models whose trial of the seed may be finished.
        seed: Seed of the trials.
    """
    folders = {"real images": out / REAL}
    folders |= {TITLES[name]: folder_of(out, name, seed) for name in names}
    blocks = [
        draw_block(title, read_samples(folder)[: SIDE**2])
        for title, folder in folders.items()
        if find_samples(folder).is_file()
    ]
    save_png(join_blocks(blocks), out / "comparison.png")


def draw_block(title: str, images: NDArray[np.float32]) -> Pixels:
    """Draw images (N, *S) in rows below a title."""
    grid = image_grid(images, SIDE, scale=1, padding=2)
    strip = Image.new("RGB", (grid.shape[1], TITLE_HEIGHT), BACKGROUND)
    middle = (grid.shape[1] / 2, TITLE_HEIGHT / 2)
    write(ImageDraw.Draw(strip), middle, title, MEDIUM, TEXT, anchor="mm")
    return np.concatenate([to_array(strip), grid])


def join_blocks(blocks: list[Pixels]) -> Pixels:
    """Arrange pictures in rows of three; the background fills the rest."""
    height = max(block.shape[0] for block in blocks)
    width = max(block.shape[1] for block in blocks) + GAP
    rows = -(-len(blocks) // BLOCKS)  # rounded up
    sheet = blank(rows * height, min(len(blocks), BLOCKS) * width)
    for number, block in enumerate(blocks):
        top, left = height * (number // BLOCKS), width * (number % BLOCKS)
        sheet[top : top + block.shape[0], left : left + block.shape[1]] = block
    return sheet
