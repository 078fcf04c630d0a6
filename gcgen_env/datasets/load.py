"""Load a data set by its name, from an array or from files."""

import difflib
import os
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache, partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from gcgen_env.datasets.array_files import SplitArchive, read_array_file
from gcgen_env.datasets.dataset import Dataset, check_split
from gcgen_env.datasets.digits import load_digits
from gcgen_env.datasets.image_folder import read_image_folder
from gcgen_env.datasets.images import resize_dataset, to_images, wrap_images
from gcgen_env.datasets.mapped import PreparedFolder, is_prepared
from gcgen_env.datasets.mnist import load_mnist
from gcgen_env.datasets.sources import IDX_SOURCES
from gcgen_env.datasets.toggles import load_toggles
from gcgen_env.datasets.toy2d import DENSITIES, load_toy2d
from gcgen_env.limits import MAX_BYTES

PathLike = str | os.PathLike[str]

_LOADERS: Mapping[str, Callable[[str, PathLike | None], Dataset]] = MappingProxyType(
    {
        "digits": lambda split, data_dir: load_digits(split),
        "toggles": lambda split, data_dir: load_toggles(split),
    }
    | {name: partial(load_mnist, name) for name in IDX_SOURCES}
    | {name: lambda split, data_dir, name=name: load_toy2d(name, split) for name in DENSITIES}
)

DATASETS: tuple[str, ...] = tuple(_LOADERS)
"""Names that `load_dataset` accepts."""

_resize_named = lru_cache(maxsize=8)(resize_dataset)  # once for all sources of a name


def load_dataset(
    source: PathLike | np.ndarray,
    split: str = "train",
    data_dir: PathLike | None = None,
    image_size: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> Dataset:
    """Load one split of a data set.

    A named set is read once and shared by all callers. Your own images are split by item number
    (last digit 0 or 1: test, 2: validation, others: train) if there are at least 20; with fewer
    images every split is the whole set. An `.npz` archive may contain its own splits.

    Args:
        source: A name from `DATASETS`; an array of images; or a path to a `.npy` or `.npz` file
            or to a folder: of PNG and JPEG files, or one that `gcgen prepare` wrote, whose
            images stay on disk. Names have precedence over paths: write
            "./mnist" for a folder of that name.
        split: "train", "validation" or "test".
        data_dir: Data root of MNIST and Fashion-MNIST: a folder that contains the four IDX
            files, plain or `.gz`, or a sub-folder such as `mnist/` or `MNIST/raw/` with them.
            None reads `$GCGEN_DATA`. Files not found there are looked for in the user's cache,
            and downloaded to it if necessary.
        image_size: Side in pixels of the square that images are resized to; None keeps the size.
        max_bytes: Most bytes that your own `.npz` file, or the pictures in your folder, may
            decode to; a single picture may take a sixteenth. A file may always decode to its own
            size. Raise it for large sets; it protects you from small files that fill the memory.

    Returns:
        The split; images have shape (C, height, width) and values in [0, 1], points shape (2,)
        and values in [-1, 1].

    Raises:
        TypeError: If `source` has another type, or is an array whose dtype is not an integer, a
            float or bool.
        ValueError: If the name, the split or the size is invalid, or a file is invalid, corrupt
            or decodes to more than `max_bytes`.
        DatasetNotFoundError: If MNIST or Fashion-MNIST is not on this machine and could not be
            downloaded.
    """
    return DataSource(source, data_dir, image_size, max_bytes).split(split)


class DataSource:
    """A data set that is read once for all of its splits.

    The first call of `split` reads and decodes an array, a file or a folder; later calls use the
    result. Named sets are shared by all sources with that name.
    """

    def __init__(
        self,
        source: PathLike | np.ndarray,
        data_dir: PathLike | None = None,
        image_size: int | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Store the arguments, which are those of `load_dataset`; nothing is read yet."""
        self.source, self.data_dir, self.image_size = source, data_dir, image_size
        self.max_bytes = max_bytes
        self._splits: dict[str, Dataset] = {}  # of the user's own images

    def split(self, name: str) -> Dataset:
        """Load one split, as `load_dataset` does.

        Args:
            name: "train", "validation" or "test".
        """
        check_split(name)
        _check_image_size(self.image_size)
        if isinstance(self.source, str) and self.source in _LOADERS:
            dataset = _LOADERS[self.source](name, self.data_dir)
            return dataset if self.image_size is None else _resize_named(dataset, self.image_size)
        if name not in self._splits:
            self._splits[name] = self._load_user_split(name)
        return self._splits[name]

    def _load_user_split(self, name: str) -> Dataset:
        if isinstance(self._content, SplitArchive | PreparedFolder):
            dataset = self._content.load(name)
        else:
            dataset = self._content.split(name)
        if self.image_size is None or dataset.shape[1:] == (self.image_size,) * 2:
            return dataset
        if isinstance(self._content, PreparedFolder):  # it may not fit in memory
            raise ValueError(
                f"{self._content.folder} holds images of {dataset.shape[1]} pixels, not "
                f"{self.image_size}: prepare them again with --size {self.image_size}"
            )
        return resize_dataset(dataset, self.image_size)

    @cached_property
    def _content(self) -> Dataset | SplitArchive | PreparedFolder:
        return _read_user_images(self.source, self.image_size, self.max_bytes)


def _read_user_images(
    source: PathLike | np.ndarray, image_size: int | None, max_bytes: int
) -> Dataset | SplitArchive | PreparedFolder:
    if isinstance(source, np.ndarray):
        return wrap_images("array", to_images(source, "array"))
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            f"expected a data set's name, a path or a NumPy array, got {type(source).__name__}"
        )
    path = Path(source).expanduser()
    if not os.path.exists(path):  # unlike the method of `Path`, False for impossible names
        raise ValueError(_unknown_source(source))
    if path.is_dir() and is_prepared(path):
        return PreparedFolder(path)
    if path.is_dir():  # resized while reading: the sizes of the files may differ
        return wrap_images(path.name, read_image_folder(path, image_size, max_bytes))
    if path.suffix.lower() not in (".npy", ".npz"):
        raise ValueError(f"{path}: expected a .npy or .npz file or a folder of images")
    if not path.is_file():  # reading a pipe or a device may never end
        raise ValueError(f"{path}: not a regular file")
    return read_array_file(path, max_bytes)


def _unknown_source(source: PathLike) -> str:
    nearest = difflib.get_close_matches(str(source).lower().replace("-", "_"), DATASETS, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return (
        f"unknown data set {os.fspath(source)!r:.300}: neither a name ({', '.join(DATASETS)}) nor "
        f"an existing path (there is no {Path(source).absolute()!s:.300}).{hint}"
    )


def _check_image_size(image_size: int | None) -> None:
    is_integer = isinstance(image_size, int | np.integer) and not isinstance(image_size, bool)
    if image_size is not None and not (is_integer and image_size >= 1):
        raise ValueError(f"image_size must be a positive integer or None, got {image_size!r}")
