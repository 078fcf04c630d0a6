"""What the commands draw, from models to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from agents.cli.models import Bounds, find_bounds
from agents.cli.run_folder import write_bytes
from agents.gcgen import GCGen
from gcgen_env.model.s_agent import SAgent
from gcgen_env.viewer import (
    image_grid,
    reconstruction_grid,
    save_gif,
    save_png,
    trajectory_grid,
)

FRAMES_PER_SECOND = 4.0
LAST_FRAMES = 8
"""How many frames the last state of a GIF is shown for."""


def write_samples(model: GCGen | SAgent, path: Path, num: int = 64, seed: int = 0) -> None:
    """Draw a grid of samples."""
    save_png(image_grid(model.sample(num, seed=seed), **find_bounds(model)), path)


def write_trajectories(model: GCGen | SAgent, path: Path, num: int = 8, seed: int = 0) -> None:
    """Draw trajectories as rows, initial state to last state."""
    states = model.sample(num, seed=seed, return_trajectory=True)
    save_png(trajectory_grid(states, **find_bounds(model)), path)


def write_reconstructions(
    model: GCGen,
    images: NDArray[np.float32],
    path: Path,
    search: str = "none",
    width: int = 8,
) -> None:
    """Draw goals above their reconstructions, made with a search or without."""
    rebuilt = model.reconstruct(images, search, width)
    save_png(reconstruction_grid(images, rebuilt, **find_bounds(model)), path)


def _write_png(states: NDArray[np.float32], bounds: Bounds, path: Path) -> None:
    """Write the last states as a grid."""
    save_png(image_grid(states[-1], **bounds), path)


def _write_gif(states: NDArray[np.float32], bounds: Bounds, path: Path) -> None:
    """Write the grid of every step as a frame, and stay on the last one for a while."""
    frames = [image_grid(images, **bounds) for images in states]
    save_gif(frames + frames[-1:] * (LAST_FRAMES - 1), path, FRAMES_PER_SECOND)


def _write_npy(states: NDArray[np.float32], bounds: Bounds, path: Path) -> None:
    """Write the last states as an array."""
    buffer = BytesIO()
    np.save(buffer, states[-1], allow_pickle=False)
    write_bytes(path, buffer.getvalue())


SAMPLE_WRITERS: Mapping[str, Callable[[NDArray[np.float32], Bounds, Path], None]] = (
    MappingProxyType({".png": _write_png, ".gif": _write_gif, ".npy": _write_npy})
)
"""How to write sampled trajectories (H + 1, num, *S), by the file's suffix."""
