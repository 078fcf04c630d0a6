"""Draws the picture of a task of the suite."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.suite.image_picture import draw_images
from benchmarks.suite.plane_picture import draw_plane
from benchmarks.suite.plays import Play
from gcgen_env.model.build import make_chain, open_data
from gcgen_env.tasks import ENV_CONFIGS

FOLDER = Path(__file__).parents[2] / "docs" / "images"
"""Where the pictures lie."""


def name_page(env: str) -> str:
    """Return the name of a task in names of files: plane-reach for GCGen-PlaneReach-v0."""
    name = env.removeprefix("GCGen-").removesuffix("-v0")
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def find_picture(env: str) -> Path:
    """Return the file of a task's picture."""
    return FOLDER / f"suite_{name_page(env)}.png"


def draw_task(env: str, plays: dict[str, Play], path: Path) -> None:
    """Draw the picture of a task."""
    changes = list_changes(env)
    if changes.ndim == 3:  # of points
        draw_plane(plays, changes, path)
    else:
        draw_images(plays, changes[0, :, 0], ENV_CONFIGS[env].proposer == "dictionary", path)


@torch.no_grad()
def list_changes(env: str) -> NDArray[np.float32]:
    """Return what each proposal adds to a canvas of zeros at each step, shape (H, A, *S)."""
    config = ENV_CONFIGS[env]
    chain = make_chain(config, open_data(config), "cpu")
    num = config.num_proposals
    canvas, action = torch.zeros(num, *chain.shape), torch.arange(num)
    steps = (torch.full((num,), h) for h in range(chain.horizon))
    return torch.stack([chain.choose(canvas, step, action) for step in steps]).numpy()
