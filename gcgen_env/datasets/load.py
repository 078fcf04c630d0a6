"""The door to every data set: a name, an array or a path."""

import difflib
import os
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from gcgen_env.datasets.array_files import load_array_file
from gcgen_env.datasets.dataset import Dataset
from gcgen_env.datasets.digits import load_digits
from gcgen_env.datasets.image_folder import read_image_folder
from gcgen_env.datasets.images import (
    check_image_size,
    make_image_dataset,
    resize_dataset,
    to_images,
)
from gcgen_env.datasets.mnist import load_mnist
from gcgen_env.datasets.sources import IDX_SOURCES
from gcgen_env.datasets.splits import check_split
from gcgen_env.datasets.toy2d import DENSITIES, load_toy2d

PathLike = str | os.PathLike[str]

_LOADERS: Mapping[str, Callable[[str, PathLike | None], Dataset]] = MappingProxyType(
    {"digits": lambda split, data_dir: load_digits(split)}
    | {name: partial(load_mnist, name) for name in IDX_SOURCES}
    | {name: lambda split, data_dir, name=name: load_toy2d(name, split) for name in DENSITIES}
)

DATASETS: tuple[str, ...] = tuple(_LOADERS)
"""Names `load_dataset` knows."""

_resize_named = lru_cache(maxsize=8)(resize_dataset)


def load_dataset(
    source: PathLike | np.ndarray,
    split: str = "train",
    data_dir: PathLike | None = None,
    image_size: int | None = None,
) -> Dataset:
    """Load one split of a data set.

    A named set is read once and shared by every caller. The user's images are split by item
    number (last digit 0 or 1: test, 2: validation, others: train) if there are at least 20,
    else every split is the whole set; an `.npz` archive may bring its own splits.

    Args:
        source: A name from `DATASETS`; an array of images; or a path to a `.npy` or `.npz` file
            or to a folder of PNG and JPEG files. A string that is a name is never taken for a
            path: write "./mnist" for a folder of that name.
        split: "train", "validation" or "test".
        data_dir: Data root for MNIST and Fashion-MNIST: it holds the four IDX files, plain or
            `.gz`, in `mnist/`, `MNIST/raw/` and the like, or directly. Else `$GCGEN_DATA`, else
            the user's cache, else a download to it.
        image_size: Side in pixels of the square that images are resized to; None keeps the size.

    Returns:
        The split; images have shape (C, height, width) and values in [0, 1], points shape (2,)
        and values in [-1, 1].

    Raises:
        TypeError: If `source` is of another type or an array's dtype is not one for images.
        ValueError: If the name, the split, the size, or the data are not what they should be.
        DatasetNotFoundError: If MNIST or Fashion-MNIST is neither on disk nor within reach.
    """
    check_split(split)
    check_image_size(image_size)
    if isinstance(source, str) and source in _LOADERS:
        dataset = _LOADERS[source](split, data_dir)
        return dataset if image_size is None else _resize_named(dataset, image_size)
    dataset = _load_user_images(source, split, image_size)
    return dataset if image_size is None else resize_dataset(dataset, image_size)


def _load_user_images(source: PathLike | np.ndarray, split: str, image_size: int | None) -> Dataset:
    if isinstance(source, np.ndarray):
        return make_image_dataset("array", to_images(source, "array"), split)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            f"expected a data set's name, a path or a NumPy array, got {type(source).__name__}"
        )
    path = Path(source).expanduser()
    if not path.exists():
        raise ValueError(_unknown_source(source))
    if path.is_dir():
        images = read_image_folder(path, image_size)  # resized here: sizes may differ
        return make_image_dataset(path.name, images, split)
    if path.suffix.lower() not in (".npy", ".npz"):
        raise ValueError(f"{path}: expected a .npy or .npz file or a folder of images")
    return load_array_file(path, split)


def _unknown_source(source: PathLike) -> str:
    nearest = difflib.get_close_matches(str(source).lower().replace("-", "_"), DATASETS, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return (
        f"unknown data set {os.fspath(source)!r}: neither a name ({', '.join(DATASETS)}) nor an "
        f"existing path (there is no {Path(source).absolute()}).{hint}"
    )
