"""Turns a configuration into the parts of an environment: data, proposer, chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.config import EnvConfig
from gcgen_env.datasets import Dataset, load_dataset
from gcgen_env.datasets.array_files import DAMAGE
from gcgen_env.goals import GoalSampler
from gcgen_env.model.chain import Chain
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.dynamics import Dynamics
from gcgen_env.model.likelihoods import Likelihood, make_likelihood
from gcgen_env.model.proposer import Proposer
from gcgen_env.model.saved import SavedSAgent, load_s_agent, pretrained_path

NOISE_SEED = 0
"""Seed of the one draw that is the "noise" initial state."""


def make_dataset(config: EnvConfig, split: str | None = None) -> Dataset:
    """Load the configured data, or another split of it.

    Raises:
        ValueError: If no data set is named.
    """
    if config.dataset is None:
        raise ValueError(
            "dataset= is required: the name of a data set, an array (N, height, width[, C]), "
            "or a path to a .npy, .npz or folder of images"
        )
    return load_dataset(config.dataset, split or config.split, config.data_dir, config.image_size)


def make_goals(config: EnvConfig) -> GoalSampler:
    """Load the configured data as a source of goals, binarised if the configuration says so."""
    return GoalSampler(make_dataset(config), config.likelihood == "bernoulli" and config.binarize)


def make_likelihood_of(config: EnvConfig, data: Dataset) -> Likelihood:
    """Build the configured likelihood for the images of a data set."""
    return make_likelihood(config.likelihood, len(data.shape), data.low, data.high, config.sigma)


def make_chain(config: EnvConfig, device: torch.device | str) -> Chain:
    """Build the decision chain of a configuration on a device."""
    data = make_dataset(config)
    likelihood = make_likelihood_of(config, data)
    proposer, saved = _resolve_proposer(config, data.shape, device)
    if saved is not None:
        check_saved(saved, config, likelihood, data.shape)
    dynamics = make_dynamics(config, data, likelihood, saved).to(device)
    return Chain(proposer, dynamics, likelihood, config.nucleus)


def check_saved(
    saved: SavedSAgent, config: EnvConfig, likelihood: Likelihood, shape: tuple[int, ...]
) -> None:
    """Check that a saved S-agent fits an environment: its A, H, images and likelihood are fixed.

    Args:
        saved: The S-agent.
        config: The environment's configuration.
        likelihood: The environment's likelihood.
        shape: Shape of the environment's images.

    Raises:
        ValueError: If it does not, naming what differs.
    """
    network = saved.network.config
    wanted = {
        "num_proposals": (network.num_proposals, config.num_proposals),
        "horizon": (network.horizon, config.horizon),
        "image shape": (network.shape, shape),
        "likelihood": (saved.likelihood, likelihood),
    }
    for name, (own, asked) in wanted.items():
        if own != asked:
            raise ValueError(
                f"the saved S-agent was trained with {name} {own}, the environment asks for "
                f"{asked}: an S-agent's {name} is fixed; pass the same, or another proposer"
            )


def make_dynamics(
    config: EnvConfig, data: Dataset, likelihood: Likelihood, saved: SavedSAgent | None = None
) -> Dynamics:
    """Build the dynamics: x_0 and rate as configured, else the saved S-agent's, else usual."""
    if config.initial_state is None and saved is not None:
        initial = saved.dynamics.initial.cpu()
    else:
        initial = make_initial(config, data, likelihood)
    if config.rate is None and saved is not None:
        rate = saved.dynamics.rate.cpu()
    else:
        rate = torch.from_numpy(config.rates())
    return Dynamics(initial, rate)


def make_initial(config: EnvConfig, data: Dataset, likelihood: Likelihood) -> Tensor:
    """Return x_0 in canvas space, shape (*S).

    Raises:
        ValueError: If an image given for it does not fit the data.
    """
    choice = config.initial_state
    if choice is None:
        choice = "mean" if len(data.shape) == 3 else "zeros"
    if isinstance(choice, str) and choice == "zeros":
        return torch.zeros(data.shape)
    if isinstance(choice, str) and choice == "noise":
        draw = np.random.default_rng(NOISE_SEED).standard_normal(data.shape, dtype=np.float32)
        scale = 1.0 if likelihood.name == "bernoulli" else (likelihood.high - likelihood.low) / 4
        middle = 0.0 if likelihood.name == "bernoulli" else (likelihood.high + likelihood.low) / 2
        return torch.from_numpy(middle + scale * draw).float()
    if isinstance(choice, str) and choice == "mean":
        image = make_dataset(config, "train").mean()
    else:
        image = _read_image(choice) if isinstance(choice, str | Path) else np.asarray(choice)
    return likelihood.to_canvas(torch.from_numpy(_check_initial(image, data)))


def _check_initial(image: NDArray[Any], data: Dataset) -> NDArray[np.float32]:
    """Return an initial image as float32 (*S), or raise."""
    if image.dtype.kind not in "biuf":
        raise ValueError(f"initial_state must be an image of numbers, got dtype {image.dtype}")
    image = image.astype(np.float32)
    if image.ndim == 2 and data.shape[:1] == (1,):
        image = image[None]
    if image.shape != data.shape:
        raise ValueError(f"initial_state must have shape {data.shape}, got {image.shape}")
    if not np.isfinite(image).all() or image.min() < data.low or image.max() > data.high:
        raise ValueError(f"initial_state must be finite and within [{data.low:g}, {data.high:g}]")
    return image


def _read_image(path: str | Path) -> NDArray[Any]:
    """Read an initial state from a `.npy` array or an image file, (*S) in image units."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"initial_state must be 'mean', 'zeros', 'noise', an image or a file; no file {path}"
        )
    if path.suffix == ".npy":
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except DAMAGE as error:
            raise ValueError(f"cannot read initial_state from {path}: {error}") from error
    return load_dataset(np.asarray(_open_image(path))[None]).take(np.array([0]))[0]


def _open_image(path: Path) -> Any:
    """Open an image file with Pillow, or raise a ValueError that names it."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode[0] in "IF":
                raise ValueError(f"{path} has more than 8 bits a value; save it as 8-bit")
            return image.convert("L" if image.mode in ("1", "L") else "RGB")
    except OSError as error:
        raise ValueError(f"cannot read initial_state from {path}: {error}") from error


def _resolve_proposer(
    config: EnvConfig, shape: tuple[int, ...], device: torch.device | str
) -> tuple[Proposer, SavedSAgent | None]:
    """Return the proposer, and the saved S-agent it comes from if there is one."""
    choice = config.proposer
    if isinstance(choice, str) and choice == "dictionary":
        return DictionaryProposer(shape, config.num_proposals, config.horizon), None
    if isinstance(choice, str | Path):
        path = Path(choice)
        if choice == "pretrained":
            name = config.dataset if isinstance(config.dataset, str) else "of your own"
            path = pretrained_path(name)
        elif not path.is_file():
            raise ValueError(
                f"unknown proposer {str(choice)!r}: expected 'pretrained', 'dictionary', the "
                "path of a saved S-agent, or an object with a method propose(canvas, step)"
            )
        saved = load_s_agent(path, device)
        return saved.network, saved
    if not isinstance(choice, Proposer):
        raise ValueError(
            f"proposer must be a name, a path or an object with a method "
            f"propose(canvas, step), got {type(choice).__name__}"
        )
    for name in ("num_proposals", "horizon"):
        if getattr(choice, name, getattr(config, name)) != getattr(config, name):
            raise ValueError(
                f"the proposer has {name}={getattr(choice, name)}, the environment "
                f"{name}={getattr(config, name)}"
            )
    return choice, None
