"""MNIST and Fashion-MNIST: found on disk or downloaded, checked, and split."""

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
from gcgen_env.datasets.splits import check_split

NUM_TRAIN = 55_000
"""Training images kept for training; the 5,000 after them are the validation set."""

COUNTS = {TRAIN_IMAGES: 60_000, TEST_IMAGES: 10_000}
IMAGE_SHAPE = (28, 28)


class DatasetNotFoundError(FileNotFoundError):
    """A set's files are not on this machine and could not be downloaded."""


def load_mnist(name: str, split: str, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """Load one split of MNIST or Fashion-MNIST, from memory if it was loaded before.

    Args:
        name: "mnist" or "fashion_mnist".
        split: "train" (the first 55,000 training images), "validation" (the last 5,000) or
            "test" (the 10,000 test images).
        data_dir: Data root, else `$GCGEN_DATA`, else the user's cache, else download to it.

    Returns:
        Images of shape (1, 28, 28), bytes with scale 1/255, labels 0..9.

    Raises:
        ValueError: If `split` is unknown, or a file is corrupt or belongs to another set.
        DatasetNotFoundError: If there are no files and no mirror could be reached.
    """
    check_split(split)
    folder = find_dataset(name, data_dir) or _download(name, data_dir)
    return _load_split(name, split, folder.resolve())


@lru_cache(maxsize=16)
def _load_split(name: str, split: str, folder: Path) -> Dataset:
    if split == "test":
        images, labels = _read_part(name, folder, TEST_IMAGES, TEST_LABELS)
        rows = slice(None)
    else:
        images, labels = _read_part(name, folder, TRAIN_IMAGES, TRAIN_LABELS)
        rows = slice(NUM_TRAIN) if split == "train" else slice(NUM_TRAIN, None)
    return Dataset(name, images[rows], 1 / 255, 0.0, 1.0, labels[rows])


@lru_cache(maxsize=4)
def _read_part(
    name: str, folder: Path, images_file: str, labels_file: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read and check images (N, 1, 28, 28) uint8 and labels (N,) int64."""
    images_path, labels_path = (
        find_idx_file(folder, filename) or folder / filename
        for filename in (images_file, labels_file)
    )
    images, labels = read_idx(images_path), read_idx(labels_path)
    count = COUNTS[images_file]
    for path, array, shape in (
        (images_path, images, (count, *IMAGE_SHAPE)),
        (labels_path, labels, (count,)),
    ):
        if array.shape != shape:
            raise ValueError(f"{path}: expected shape {shape}, got {array.shape}")
    if labels.max() > 9:
        raise ValueError(f"{labels_path}: expected labels 0..9, got {labels.max()}")
    _check_same_set(name, labels_path, labels_file, labels)
    return images[:, None], labels.astype(np.int64)


def _check_same_set(name: str, path: Path, labels_file: str, labels: np.ndarray) -> None:
    """Refuse one known set's files in the place of another's: their formats are identical."""
    for other, source in IDX_SOURCES.items():
        first = source.first_labels[labels_file]
        if other != name and tuple(labels[: len(first)].tolist()) == first:
            raise ValueError(
                f"{path}: expected {IDX_SOURCES[name].title}, but these are {source.title}'s "
                f"labels; move them to a folder {source.folders[0]!r} beside one named "
                f"{IDX_SOURCES[name].folders[0]!r}"
            )


def _download(name: str, data_dir: str | os.PathLike[str] | None) -> Path:
    """Download what the cache lacks and return the set's folder there."""
    source = IDX_SOURCES[name]
    root = cache_root()
    try:
        for filename in IDX_FILES:
            if find_idx_file(root / name, filename) is None:
                checksums = source.checksums[filename]
                download_idx(name, f"{filename}.gz", root, source.mirrors, **checksums)
    except OSError as error:
        folders = "".join(f"\n  {folder}" for folder in candidate_folders(name, data_dir))
        raise DatasetNotFoundError(
            f"{source.title} was not found and could not be downloaded. Put its four files "
            f"({', '.join(IDX_FILES)}; plain or .gz) into one folder and name that folder by "
            f"data_dir= or the environment variable {DATA_VARIABLE}.\nLooked in:{folders}\n"
            f"Download failed: {error}"
        ) from error
    return root / name
