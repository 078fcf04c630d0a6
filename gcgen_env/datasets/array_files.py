"""The user's images in `.npy` and `.npz` files; pickled objects are never loaded."""

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from gcgen_env.datasets.dataset import Dataset
from gcgen_env.datasets.images import make_image_dataset, to_images, wrap_images
from gcgen_env.datasets.splits import SPLITS


def load_array_file(path: Path, split: str) -> Dataset:
    """Load one split of the images in a `.npy` or `.npz` file.

    An archive either brings its own splits, arrays `train`, `validation`, `test` and optionally
    `train_labels` and so on; or it holds `images` (any name will do for a single array) and
    optionally `labels`, which are then split like a plain array.

    Args:
        path: The file.
        split: One of `SPLITS`.

    Returns:
        The split, values in [0, 1], see `to_images` for dtypes and layouts.

    Raises:
        ValueError: If the file is corrupt, holds Python objects, or lacks the array needed.
        TypeError: If an array's dtype is not one for images.
    """
    arrays = _read_arrays(path)
    if any(key in arrays for key in SPLITS):
        if split not in arrays:
            raise ValueError(
                f"{path}: no array {split!r} in an archive that brings its own splits; "
                f"found {sorted(arrays)}"
            )
        images = to_images(arrays[split], f"{path}[{split}]")
        return wrap_images(path.name, images, arrays.get(f"{split}_labels"))
    key = _images_key(path, arrays)
    images = to_images(arrays[key], f"{path}[{key}]" if path.suffix == ".npz" else str(path))
    return make_image_dataset(path.name, images, split, arrays.get("labels"))


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
    EOFError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    KeyError,
    OverflowError,
)
"""What NumPy raises on damaged files."""


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of a file; a `.npy` file has one, named "images"."""
    with path.open("rb") as file:  # np.load leaves a broken archive open
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
