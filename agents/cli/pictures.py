"""Draws samples, trajectories and reconstructions of a model, and writes them to files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.gcgen import GCGen
from agents.inspection import AtlasNode, StepReport
from gcgen_env.atomic_files import write_bytes
from gcgen_env.datasets import Dataset, find_nearest
from gcgen_env.model.s_agent import SAgent
from gcgen_env.viewer import (
    image_grid,
    nearest_grid,
    reconstruction_grid,
    save_gif,
    save_mp4,
    save_png,
    trajectory_grid,
)
from gcgen_env.viewer.rows import labelled_rows
from gcgen_env.viewer.timeline import timeline
from gcgen_env.viewer.tree import TreeNode, tree_picture
from gcgen_env.viewer.usage import usage_picture

FRAMES_PER_SECOND = 4.0
TRAJECTORIES = 6
"""Number of images whose way through the steps is drawn above the figures of the steps."""
LAST_FRAMES = 8
"""Number of frames that show the last state of a GIF."""


def write_samples(
    model: GCGen | SAgent,
    path: Path,
    num: int = 64,
    seed: int = 0,
    draw: str = "mean",
    label: int | None = None,
) -> None:
    """Write samples: a grid (.png), the grid after each step (.gif, .mp4), or the images (.npy)."""
    states = model.sample(num, seed, draw, return_trajectory=True, label=label)  # (H + 1, num, *S)
    if path.suffix.lower() == ".npy":
        write_array(states[-1], path)
        return
    frames = [image_grid(images, **find_range(model)) for images in states]
    save_film = {".gif": save_gif, ".mp4": save_mp4}.get(path.suffix.lower())
    if save_film is not None:
        save_film(frames + frames[-1:] * (LAST_FRAMES - 1), path, FRAMES_PER_SECOND)
    else:
        save_png(frames[-1], path)


def write_nearest(
    model: GCGen | SAgent,
    data: Dataset,
    path: Path,
    num: int = 64,
    seed: int = 0,
    draw: str = "mean",
    label: int | None = None,
) -> NDArray[np.float64]:
    """Draw samples above the nearest images of `data`; return their distances, shape (num,)."""
    samples = model.sample(num, seed, draw, label=label)
    item, distance = find_nearest(samples, data)
    save_png(nearest_grid(samples, data.take(item), distance, **find_range(model)), path)
    return distance


def write_images(model: GCGen | SAgent, images: NDArray[Any], path: Path) -> None:
    """Write images as they are (.npy), or as a grid (.png); bytes are divided by 255 there."""
    if path.suffix.lower() == ".npy":
        write_array(images, path)
        return
    shown = images / 255 if images.dtype == np.uint8 else images.astype(np.float32)
    save_png(image_grid(shown, **find_range(model)), path)


def write_rows(model: GCGen, rows: Sequence[tuple[str, NDArray[np.float32]]], path: Path) -> None:
    """Draw rows of images with a label beside each; see `labelled_rows`."""
    save_png(labelled_rows(rows, **find_range(model)), path)


def write_array(array: NDArray[Any], path: Path) -> None:
    """Write an array as .npy, atomically."""
    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def write_trajectories(model: GCGen | SAgent, path: Path, num: int = 8, seed: int = 0) -> None:
    """Draw one trajectory in each row, from the initial state to the last one."""
    states = model.sample(num, seed=seed, return_trajectory=True)  # (H + 1, num, *S)
    save_png(trajectory_grid(states, **find_range(model)), path)


def write_reconstructions(
    model: GCGen, images: NDArray[np.float32], path: Path, search: str = "none", width: int = 8
) -> None:
    """Draw goals above their reconstructions; see `GCGen.encode` for `search` and `width`."""
    rebuilt = model.reconstruct(images, search, width)
    save_png(reconstruction_grid(images, rebuilt, **find_range(model)), path)


def write_atlas(model: GCGen | SAgent, root: AtlasNode, path: Path) -> None:
    """Draw the tree of the first choices; each shows the mean of the images that follow it."""
    depth, node = 0, root
    while node.children:
        depth, node = depth + 1, node.children[0]
    ordinals = ("first", "second", "third", "fourth")
    names = [f"{name} choice" for name in ordinals[:depth]]
    names += [f"choice {i + 1}" for i in range(len(names), depth)]
    titles = ["all images", *names, "images drawn from there"]
    save_png(tree_picture(_as_tree(root), titles, **find_range(model)), path)


def _as_tree(node: AtlasNode) -> TreeNode:
    """Return a node of an atlas as the viewer draws it."""
    children = tuple(map(_as_tree, node.children))
    return TreeNode(node.mean, node.probability, children, node.examples)


def write_steps(model: GCGen, report: StepReport, path: Path) -> None:
    """Draw some images on their way, above the figures of each step."""
    panels = [
        ("gain, nats", report.gain),
        ("divergence, nats", report.divergence),
        (f"effective number of proposals, of {report.counts.shape[1]}", report.effective),
    ]
    save_png(timeline(report.states[:, :TRAJECTORIES], panels, **find_range(model)), path)


def write_usage(model: GCGen, report: StepReport, path: Path) -> None:
    """Draw how often each proposal is chosen at each step."""
    pairs = zip(report.effective, report.unused, strict=True)
    num = report.counts.shape[1]
    notes = [f"{effective:.0f} of {num}, {unused} unused" for effective, unused in pairs]
    save_png(usage_picture(report.counts, notes), path)


def find_range(model: GCGen | SAgent) -> dict[str, Any]:
    """Return the smallest and largest value of a model's images, as keywords of the viewer."""
    likelihood = (model if isinstance(model, SAgent) else model.s_agent).likelihood
    return {"low": likelihood.low, "high": likelihood.high}
