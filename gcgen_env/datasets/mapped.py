"""Reader of prepared folders: images that stay on disk and are read when they are needed."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from gcgen_env.datasets.dataset import SPLITS, Dataset, check_split

RECORD = "dataset.json"
"""The file that makes a folder a prepared one."""
KIND = "gcgen images"
"""What the record says that it is."""


class MappedDataset(Dataset):
    """Images in a file that is mapped into memory: only those that are taken are read.

    What has been read is given back to the system, so the memory of a process does not grow with
    the data set. Copies, and other processes, open the file again.
    """

    _origin: tuple[Path, str]
    _pages: mmap.mmap
    _mean: np.ndarray
    _sha256: str

    def __init__(self, folder: Path, split: str) -> None:
        """Open a split of a prepared folder.

        Raises:
            ValueError: If the folder is damaged.
        """
        record = read_record(folder)
        pages, array = _map(folder / f"{split}.npy")
        labels = folder / f"{split}_labels.npy"
        classes = np.load(labels, allow_pickle=False) if labels.is_file() else None
        super().__init__(folder.name, array, 1 / 255, 0.0, 1.0, classes)
        about = {
            "_origin": (folder, split),
            "_pages": pages,
            "_mean": np.load(folder / f"{split}_mean.npy", allow_pickle=False),
            "_sha256": record["sha256"][split],
        }
        for name, value in about.items():
            object.__setattr__(self, name, value)  # the class is frozen

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made: the file is opened again."""
        return type(self), self._origin

    def take(self, index: npt.ArrayLike) -> np.ndarray:
        """Return the values of some items, as `Dataset.take` does."""
        values = super().take(index)
        self._release()
        return values

    def select(self, index: np.ndarray | slice) -> Dataset:
        """Return some of the items and their labels, in memory unless it is a slice."""
        labels = None if self.labels is None else self.labels[index]
        return Dataset(self.name, self.array[index], self.scale, self.low, self.high, labels)

    def mean(self) -> np.ndarray:
        """Return the mean item, shape (*shape), float32; it was computed when it was prepared."""
        return self._mean.copy()

    def digest(self) -> str:
        """Return the SHA-256 that `Dataset.digest` gives; it was computed when it was prepared."""
        return self._sha256

    def _release(self) -> None:
        """Give back the memory of the pages that have been read."""
        if hasattr(mmap, "MADV_DONTNEED"):  # not so on Windows
            self._pages.madvise(mmap.MADV_DONTNEED)


class PreparedFolder:
    """The splits of a prepared folder."""

    def __init__(self, folder: Path) -> None:
        """Store the folder; nothing is read yet."""
        self.folder = folder

    def load(self, split: str) -> MappedDataset:
        """Open a split.

        Raises:
            ValueError: If the folder is damaged.
        """
        check_split(split)
        return MappedDataset(self.folder, split)


def is_prepared(folder: Path) -> bool:
    """Return whether a folder was written by `gcgen prepare`."""
    return (folder / RECORD).is_file()


def read_record(folder: Path) -> dict[str, Any]:
    """Read what a prepared folder says about itself.

    Raises:
        ValueError: If it is damaged.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        is_valid = record["kind"] == KIND and set(record["sha256"]) == set(SPLITS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: prepare the images again") from error
    if not is_valid:
        raise ValueError(f"{path} is damaged: prepare the images again")
    return record


def _map(path: Path) -> tuple[mmap.mmap, np.ndarray]:
    """Map the bytes of a `.npy` file; return the mapping and the array (N, C, height, width).

    Raises:
        ValueError: If the file is missing, or is not such a file.
    """
    try:
        with path.open("rb") as file:
            npy.read_magic(file)
            shape, _, dtype = npy.read_array_header_1_0(file)
            start = file.tell()
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if dtype != np.uint8 or len(shape) != 4:
            raise ValueError(f"an array of shape {shape} and dtype {dtype}")
        array = np.frombuffer(pages, np.uint8, int(np.prod(shape)), start).reshape(shape)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}): prepare the images again") from error
    if hasattr(mmap, "MADV_RANDOM"):
        pages.madvise(mmap.MADV_RANDOM)  # neighbours are not read ahead
    return pages, array
