"""MNIST and Fashion-MNIST: find or download the files, check and split them."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from gcgen_env.datasets.dataset import Dataset
from gcgen_env.datasets.download import download_idx
from gcgen_env.datasets.idx import read_idx
from gcgen_env.datasets.locations import (
    DATA_VARIABLE,
    cache_root,
    candidate_folders,
    find_dataset,
    find_idx_file,
)
from gcgen_env.datasets.sources import (
    IDX_FILES,
    IDX_SOURCES,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
)

NUM_TRAIN = 55_000
"""The first 55,000 training images are the training set, the last 5,000 the validation set."""

COUNTS = {TRAIN_IMAGES: 60_000, TEST_IMAGES: 10_000}
IMAGE_SHAPE = (28, 28)


class DatasetNotFoundError(FileNotFoundError):
    """The files of a data set are not on this machine and could not be downloaded."""


def load_mnist(name: str, split: str, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """Load one split of MNIST or Fashion-MNIST; later calls return the same object.

    Raises:
        ValueError: If a file is corrupt or belongs to another set.
        DatasetNotFoundError: If the files are neither on this machine nor on any mirror.
    """
    folder = find_dataset(name, data_dir) or _download(name, data_dir)
    return _load_split(name, split, folder.resolve())  # one cache entry for each real folder


@lru_cache(maxsize=16)
def _load_split(name: str, split: str, folder: Path) -> Dataset:
    if split == "test":
        return _read_part(name, folder, TEST_IMAGES, TEST_LABELS)
    part = _read_part(name, folder, TRAIN_IMAGES, TRAIN_LABELS)
    return part.select(slice(NUM_TRAIN) if split == "train" else slice(NUM_TRAIN, None))


@lru_cache(maxsize=4)
def _read_part(name: str, folder: Path, images_file: str, labels_file: str) -> Dataset:
    """Read and check a file of images and the file of their labels."""
    images_path, labels_path = (
        find_idx_file(folder, filename) or folder / filename
        for filename in (images_file, labels_file)
    )
    count = COUNTS[images_file]
    images, labels = read_idx(images_path, (count, *IMAGE_SHAPE)), read_idx(labels_path, (count,))
    if labels.max() > 9:
        raise ValueError(f"{labels_path}: expected labels 0..9, got {labels.max()}")
    _check_same_set(name, labels_path, labels_file, labels)
    return Dataset(name, images[:, None], 1 / 255, 0.0, 1.0, labels)  # (N, 1, 28, 28)


def _check_same_set(name: str, path: Path, labels_file: str, labels: np.ndarray) -> None:
    """Raise if the labels are those of another known set: the file formats are identical."""
    for other, source in IDX_SOURCES.items():
        first = source.first_labels[labels_file]
        if other != name and tuple(labels[: len(first)].tolist()) == first:
            raise ValueError(
                f"{path}: expected labels of {IDX_SOURCES[name].title}, got labels of "
                f"{source.title}; keep the two sets in separate folders "
                f"{IDX_SOURCES[name].folders[0]!r} and {source.folders[0]!r}"
            )


def _download(name: str, data_dir: str | os.PathLike[str] | None) -> Path:
    """Download the files missing in the cache and return the folder of the set there."""
    source = IDX_SOURCES[name]
    root = cache_root()
    try:
        for filename in IDX_FILES:
            if find_idx_file(root / name, filename) is None:  # keeps what an earlier attempt got
                checksums = source.checksums[filename]
                download_idx(name, f"{filename}.gz", root, source.mirrors, **checksums)
    except OSError as error:
        folders = "".join(f"\n  {folder}" for folder in candidate_folders(name, data_dir))
        raise DatasetNotFoundError(
            f"{source.title} was not found and could not be downloaded. Put its four files "
            f"({', '.join(IDX_FILES)}; plain or .gz) into one folder and pass that folder as "
            f"data_dir= or in the environment variable {DATA_VARIABLE}.\nLooked in:{folders}\n"
            f"Download failed: {error}"
        ) from error
    return root / name
