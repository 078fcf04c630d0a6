"""Loads saved models, and the images that the commands apply them to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.cli.run_folder import RunFolder
from agents.common.provenance import find_device
from agents.gcgen import GCGen
from gcgen_env.datasets import DATASETS, SPLITS, Dataset, load_dataset
from gcgen_env.datasets.dataset import split_indices
from gcgen_env.model.build import open_data
from gcgen_env.model.s_agent import KIND as S_AGENT_KIND
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.turns import Turns
from gcgen_env.storage import read_document


def load_model(path: Path, device: str) -> GCGen:
    """Load a model; raise as `load_sampler` does, and for a file that holds an S-agent alone."""
    model = load_sampler(path, device)
    if isinstance(model, SAgent):
        raise ValueError(
            f"{path} holds an S-agent alone, which can only sample; this command needs the "
            "GC-agent too: pass the model.gcgen of the run"
        )
    return model


def load_sampler(path: Path, device: str) -> GCGen | SAgent:
    """Load a model or an S-agent; both can sample.

    Args:
        path: A file, or the folder of a run.
        device: A torch device, or "auto".

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or holds something else.
    """
    found, file = find_device(device), find_model(path)
    if read_document(file)["kind"] == S_AGENT_KIND:
        return SAgent.load(file, found)
    return GCGen.load(file, device=found)


def share(model: GCGen | SAgent, turns: Turns) -> GCGen | SAgent:
    """Return a model whose batches several processes compute in turn."""
    if isinstance(model, SAgent):
        return replace(model, turns=turns)
    model.turns = turns
    return model


def prune(model: GCGen | SAgent, nucleus: float | None) -> GCGen | SAgent:
    """Return a model that samples from the proposals in a nucleus, as it is for None.

    Raises:
        ValueError: If the nucleus does not lie in (0, 1].
    """
    if nucleus is None:
        return model
    if not 0 < nucleus <= 1:
        raise ValueError(f"--nucleus must lie in (0, 1], got {nucleus:g}")
    if isinstance(model, SAgent):
        return replace(model, chain=replace(model.chain, nucleus=nucleus))
    assert model.env_config is not None
    model.env_config = replace(model.env_config, nucleus=nucleus)
    return model


def find_model(path: Path) -> Path:
    """Return the file of a saved model; for the folder of a run, its model; of a card, its S-agent.

    While a training with `--keep best` goes on, or is stopped, that is the best one so far.

    Raises:
        FileNotFoundError: If the folder holds no run.
        ValueError: If its checkpoint is damaged.
    """
    if not path.is_dir():
        return path
    folder = RunFolder(path)
    if not folder.has_run and folder.s_agent.is_file():  # the folder of a model card
        return folder.s_agent
    if not folder.has_run:
        raise FileNotFoundError(f"there is no run in {path}: no file {folder.model.name}")
    return folder.find_model()


def load_split(model: GCGen, split: str, data_dir: Path | None = None) -> Dataset:
    """Load a split of the data set that a model was trained on, from `data_dir` if it has moved."""
    config = model.env_config
    assert config is not None
    dataset = config.dataset
    if isinstance(dataset, str) and dataset not in DATASETS:  # a file or folder of the user's own
        moved = Path(dataset) if data_dir is None else data_dir / Path(dataset).name
        if not moved.exists():
            raise FileNotFoundError(
                f"there is no {moved}, which the model was trained on: pass --data-dir, the folder "
                "that holds it"
            )
        dataset = str(moved)
    if data_dir is None:
        return model.load_split(split)
    return open_data(replace(config, dataset=dataset, data_dir=str(data_dir))).split(split)


def take_split(
    model: GCGen, split: str, num: int | None = None, data_dir: Path | None = None
) -> NDArray[np.float32]:
    """Return the first `num` images of a split, or all; raise if their shape is not the model's."""
    data = load_split(model, split, data_dir)
    _check_shape(data.shape, model.chain.shape)
    return data.take(np.arange(len(data))[:num])  # None takes all


def take_labels(
    model: GCGen, split: str, num: int | None = None, data_dir: Path | None = None
) -> NDArray[np.int64] | None:
    """Return the classes of the images of `take_split`, for a conditional model; else None."""
    labels = load_split(model, split, data_dir).labels if model.chain.num_classes else None
    return None if labels is None else labels[:num]


def read_images(path: Path, shape: tuple[int, ...], num: int | None) -> NDArray[np.float32]:
    """Read the first images of a user's file or folder, resized to the size of a model's images.

    The file's order is kept: the splits that `load_dataset` makes of it are merged again. An
    archive with its own splits gives its training, validation and test images in this order.

    Args:
        path: A .npy, a .npz or a folder.
        shape: Shape of the model's images; the user's images are resized if it is square.
        num: Number of images, None for all; fewer are returned if the file holds fewer.

    Returns:
        Images, shape (num, *shape).

    Raises:
        ValueError: If the images do not have this shape after resizing.
    """
    size = shape[1] if len(shape) == 3 and shape[1] == shape[2] else None
    splits = [load_dataset(path, split, image_size=size) for split in SPLITS]
    _check_shape(splits[0].shape, shape)
    parts = [data.take(np.arange(len(data))) for data in splits]  # each (n, *S)
    if np.array_equal(parts[0], parts[-1]):  # too few images to split: each split is the whole set
        return parts[0][:num]
    images = np.concatenate(parts)
    indices = [split_indices(len(images), split) for split in SPLITS]
    if list(map(len, indices)) == list(map(len, parts)):  # otherwise the archive has its own splits
        images = images[np.argsort(np.concatenate(indices))]  # back in the file's order
    return images[:num]


def load_training_images(model: GCGen | SAgent, path: Path, data_dir: Path | None) -> Dataset:
    """Return the training images of a model that was loaded from a path.

    Raises:
        ValueError: If it is an S-agent alone, whose file does not say where its data are, or if
            the images do not have the shape of the model's.
    """
    if isinstance(model, SAgent):
        raise ValueError(
            f"{path} holds an S-agent alone, which does not know its training images: pass the "
            "model.gcgen of the run"
        )
    data = load_split(model, "train", data_dir)
    _check_shape(data.shape, model.chain.shape)
    return data


def _check_shape(found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Raise a ValueError unless images have the shape of the model's images."""
    if found != expected:
        raise ValueError(f"images must have shape {expected} for this model, got {found}")
