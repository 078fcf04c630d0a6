"""The initial state x_0 of a configuration: a mean, zeros, noise, or an image of the user's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.config import EnvConfig
from gcgen_env.datasets import Dataset, DataSource
from gcgen_env.datasets.array_files import read_npy
from gcgen_env.datasets.image_files import read_image
from gcgen_env.datasets.images import wrap_images
from gcgen_env.model.likelihoods import Likelihood

NOISE_SEED = 0
"""Seed of the single draw that is the "noise" initial state."""


def make_initial(config: EnvConfig, data: DataSource, likelihood: Likelihood) -> Tensor:
    """Return x_0 in canvas space, shape (*S)."""
    dataset, choice = data.split(config.split), config.initial_state
    if choice is None:
        choice = "mean" if len(dataset.shape) == 3 else "zeros"  # images, else points
    if isinstance(choice, str) and choice == "zeros":  # an array compares value by value
        return torch.zeros(dataset.shape)  # with logits the image is grey, 0.5
    if isinstance(choice, str) and choice == "noise":
        draw = np.random.default_rng(NOISE_SEED).standard_normal(dataset.shape, dtype=np.float32)
        scale = 1.0 if likelihood.name == "bernoulli" else (likelihood.high - likelihood.low) / 4
        middle = 0.0 if likelihood.name == "bernoulli" else (likelihood.high + likelihood.low) / 2
        return torch.from_numpy(middle + scale * draw).float()
    if isinstance(choice, str) and choice == "mean":
        image = data.split("train").mean()  # the same x_0 for every split
    else:
        is_file = isinstance(choice, str | Path)
        image = _read_image(choice, config.max_bytes) if is_file else np.asarray(choice)
    try:
        return likelihood.to_canvas(torch.from_numpy(_check_initial(image, dataset)))
    except ValueError as error:
        where = f" (read from {choice})" if isinstance(choice, str | Path) else ""
        raise ValueError(f"{error}{where}") from error


def _check_initial(image: NDArray[Any], data: Dataset) -> NDArray[np.float32]:
    """Return an initial image as float32 (*S), or raise a ValueError."""
    if image.dtype.kind not in "biuf":  # bool, integers, floats
        raise ValueError(f"initial_state must be an image of numbers, got dtype {image.dtype}")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        image = image.astype(np.float32)
    if image.ndim == 2 and data.shape[:1] == (1,):
        image = image[None]  # (height, width) to (1, height, width)
    if image.shape != data.shape:
        raise ValueError(f"initial_state must have shape {data.shape}, got {image.shape}")
    if not np.isfinite(image).all() or image.min() < data.low or image.max() > data.high:
        raise ValueError(f"initial_state must be finite and within [{data.low:g}, {data.high:g}]")
    return image


def _read_image(path: str | Path, max_bytes: int) -> NDArray[Any]:
    """Read an initial state from a `.npy` array or an image file, (*S) in image units."""
    path = Path(path)
    if not os.path.isfile(path):  # unlike the method of `Path`, False for impossible names
        raise ValueError(
            "initial_state must be 'mean', 'zeros', 'noise', an image or a file; no file "
            f"{path!s:.300}"
        )
    try:
        if path.suffix.lower() == ".npy":
            return read_npy(path)
        return wrap_images(path.name, read_image(path, max_bytes)[None]).take([0])[0]
    except (OSError, ValueError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise ValueError(f"cannot read initial_state from {path}: {reason}") from error
