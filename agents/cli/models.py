"""Saved models and the images they are asked about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from agents.common.provenance import find_device
from agents.gcgen import GCGen
from gcgen_env.datasets import SPLITS, load_dataset
from gcgen_env.datasets.splits import SMALLEST_TO_SPLIT, split_indices
from gcgen_env.model.build import make_dataset
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.saved import KIND as S_AGENT_KIND
from gcgen_env.storage import load_container


def load_model(path: Path, device: str) -> GCGen:
    """Read a model; an S-agent alone is not enough.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or holds something else.
    """
    if holds_s_agent(path):
        raise ValueError(
            f"{path} holds an S-agent alone, which can only sample; this needs the GC-agent too: "
            "pass the model.gcgen of the run"
        )
    return GCGen.load(path, device=find_device(device))


def load_sampler(path: Path, device: str) -> GCGen | SAgent:
    """Read whatever can sample: a model or an S-agent.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or holds something else.
    """
    found = find_device(device)
    if holds_s_agent(path):
        return SAgent.load(path, found)
    return GCGen.load(path, device=found)


def holds_s_agent(path: Path) -> bool:
    """Return whether a file is a saved S-agent; False for anything else, damaged or not."""
    try:
        load_container(path, S_AGENT_KIND)
    except ValueError:
        return False
    return True


class Bounds(TypedDict):
    """Bounds of a model's images, as the viewer's functions take them."""

    low: float
    """Smallest value an image can take."""
    high: float
    """Largest value an image can take."""


def find_bounds(model: GCGen | SAgent) -> Bounds:
    """Return the bounds of a model's images."""
    s_agent = model if isinstance(model, SAgent) else model.s_agent
    return {"low": s_agent.likelihood.low, "high": s_agent.likelihood.high}


def take_split(
    model: GCGen, split: str, num: int | None = None, data_dir: Path | None = None
) -> NDArray[np.float32]:
    """Return the first images of a split of the data set a model was trained on.

    Args:
        model: The model.
        split: "train", "validation" or "test".
        num: How many; None for all.
        data_dir: Where its files are now; None for where they were.

    Returns:
        Images, shape (num, *S), or fewer if there are fewer.
    """
    assert model.env_config is not None
    changes: dict[str, Any] = {} if data_dir is None else {"data_dir": str(data_dir)}
    data = make_dataset(replace(model.env_config, **changes), split)
    return data.take(np.arange(len(data) if num is None else min(num, len(data))))


def read_images(path: Path, shape: tuple[int, ...], num: int) -> NDArray[np.float32]:
    """Read the user's images, all splits together, resized to a model's images.

    Args:
        path: A .npy, a .npz or a folder.
        shape: Of the model's images; square ones are resized to.
        num: How many.

    Returns:
        Images, shape (num, C, height, width), or fewer if there are fewer.
    """
    is_square = len(shape) == 3 and shape[1] == shape[2]
    size = shape[1] if is_square else None
    parts = []
    for split in SPLITS:
        data = load_dataset(path, split, image_size=size)
        parts.append(data.take(np.arange(len(data))))
        if len(data) < SMALLEST_TO_SPLIT and split == "train":
            return parts[0][:num]  # too few to be split: each split is the whole set
    images = np.concatenate(parts)
    order = np.concatenate([split_indices(len(images), split) for split in SPLITS])
    if [len(split_indices(len(images), split)) for split in SPLITS] != list(map(len, parts)):
        return images[:num]  # an archive with splits of its own
    return images[np.argsort(order)][:num]
