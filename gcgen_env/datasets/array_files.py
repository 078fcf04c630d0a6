"""Reader of images in `.npy` and `.npz` files; it never loads pickled objects."""

import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gcgen_env.datasets.dataset import SPLITS, Dataset
from gcgen_env.datasets.images import to_images, wrap_images


@dataclass(frozen=True, eq=False)
class SplitArchive:
    """The arrays of an `.npz` archive that has its own splits.

    Attributes:
        path: The file.
        arrays: Arrays by name: `train`, `validation` and `test`, at least one of them, and
            optionally `train_labels`, `validation_labels` and `test_labels`.
    """

    path: Path
    arrays: dict[str, np.ndarray]

    def load(self, split: str) -> Dataset:
        """Convert one split to a `Dataset`; the other splits are not checked.

        Raises:
            ValueError: If the archive does not contain the split, or its images are invalid.
            TypeError: If their dtype is invalid, see `to_images`.
        """
        if split not in self.arrays:
            raise ValueError(
                f"{self.path}: no array {split!r} in an archive that has its own splits; "
                f"found {sorted(self.arrays)}"
            )
        images = to_images(self.arrays[split], f"{self.path}[{split}]")
        return wrap_images(self.path.name, images, self.arrays.get(f"{split}_labels"))


def read_array_file(path: Path) -> Dataset | SplitArchive:
    """Read the images in a `.npy` or `.npz` file.

    An archive either has its own splits, see `SplitArchive`, or it holds `images` (a single
    array may have any name) and optionally `labels`.

    Args:
        path: The file.

    Returns:
        The whole set with values in [0, 1], or the archive if it has its own splits. `to_images`
        lists the accepted dtypes and layouts.

    Raises:
        ValueError: If the file is corrupt, holds Python objects, or has no array of images.
        TypeError: If the dtype of the images is invalid, see `to_images`.
    """
    arrays = _read_arrays(path)
    if any(key in arrays for key in SPLITS):
        return SplitArchive(path, arrays)
    key = _images_key(path, arrays)
    images = to_images(arrays[key], f"{path}[{key}]" if path.suffix == ".npz" else str(path))
    return wrap_images(path.name, images, arrays.get("labels"))


def _images_key(path: Path, arrays: dict[str, np.ndarray]) -> str:
    others = [key for key in arrays if key != "labels"]
    if "images" in others:
        return "images"
    if len(others) == 1:
        return others[0]
    raise ValueError(
        f"{path}: expected an array 'images', a single array, or one array per split "
        f"({', '.join(SPLITS)}), found {sorted(arrays)}"
    )


DAMAGE = (
    ValueError,
    EOFError,  # an empty or truncated file
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,  # a damaged header of a .npy file
    SyntaxError,
    NotImplementedError,  # a feature of archives that zipfile lacks
    RuntimeError,  # an encrypted archive
    MemoryError,  # a header with a huge shape
    KeyError,
    OverflowError,
    TypeError,  # a header whose keys are not strings
)
"""Errors that NumPy raises on damaged files."""


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of a file; a `.npy` file has one, named "images"."""
    with path.open("rb") as file:  # np.load does not close a broken archive
        try:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"images": loaded}
            return {key: loaded[key] for key in loaded.files}
        except DAMAGE as error:
            raise ValueError(f"{path}: {_explain(path, error)}") from error


def _explain(path: Path, error: Exception) -> str:
    if "Object arrays" in str(error):
        return (
            "holds Python objects, which are never unpickled; save numbers instead, "
            "for example np.stack(images).astype(np.uint8)"
        )
    return f"not a readable {path.suffix} file, corrupt or truncated ({error})"
