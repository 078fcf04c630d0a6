"""Reader of images in `.npy` and `.npz` files; it never loads pickled objects."""

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from gcgen_env.datasets.dataset import SPLITS, Dataset
from gcgen_env.datasets.images import to_images, wrap_images
from gcgen_env.limits import MAX_BYTES, check_bytes

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""Readers of headers by version; version 3 only adds names of fields that are not ASCII."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods that `np.savez` and `np.savez_compressed` write."""


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
            ValueError: If the archive does not contain the split, or its images or labels are
                invalid.
        """
        if split not in self.arrays:
            raise ValueError(
                f"{self.path}: no array {split!r} in an archive that has its own splits; "
                f"found {sorted(self.arrays)}"
            )
        images, labels = self.arrays[split], self.arrays.get(f"{split}_labels")
        return _make_dataset(self.path, f"{self.path}[{split}]", images, labels)


def read_array_file(path: Path, max_bytes: int = MAX_BYTES) -> Dataset | SplitArchive:
    """Read the images in a `.npy` or `.npz` file.

    An archive either has its own splits, see `SplitArchive`, or it holds `images` (a single
    array may have any name) and optionally `labels`.

    Args:
        path: The file.
        max_bytes: Most bytes that the arrays of an archive may take, unless the file is larger.

    Returns:
        The whole set with values in [0, 1], or the archive if it has its own splits. `to_images`
        lists the accepted dtypes and layouts.

    Raises:
        ValueError: If the file is corrupt, holds Python objects, decodes to more than
            `max_bytes`, or has no array of images.
    """
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"  # as NumPy: the content decides, not the suffix
    if not is_archive:
        return _make_dataset(path, str(path), read_npy(path), None)
    arrays = _read_npz(path, max_bytes)
    if any(key in arrays for key in SPLITS):
        return SplitArchive(path, arrays)
    key = next(name for name in arrays if name != "labels" or len(arrays) == 1)
    return _make_dataset(path, f"{path}[{key}]", arrays[key], arrays.get("labels"))


def read_npy(path: Path) -> np.ndarray:
    """Read the array of numbers in a `.npy` file.

    Raises:
        ValueError: If the file is corrupt, or holds anything but numbers.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        return _read_array(path, file, size)


def _make_dataset(path: Path, where: str, images: np.ndarray, labels: Any) -> Dataset:
    """Make a `Dataset` whose errors name the file."""
    images = to_images(images, where)
    if labels is not None and labels.dtype.kind not in "iu":
        raise ValueError(f"{path}: expected integer labels, got {labels.dtype}")
    try:
        return wrap_images(path.name, images, labels)
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removeprefix(f'{path.name}: ')}") from error


def _choose_members(path: Path, names: Collection[str]) -> list[str]:
    """Return the names of the arrays of an archive that are read: its splits, or its images."""
    if any(split in names for split in SPLITS):
        wanted = [name for split in SPLITS for name in (split, f"{split}_labels")]
        return [name for name in wanted if name in names]
    key = _images_key(path, names)
    return [key, "labels"] if "labels" in names else [key]


def _images_key(path: Path, names: Collection[str]) -> str:
    others = [name for name in names if name != "labels"]
    if "images" in others:
        return "images"
    if len(others) == 1:
        return others[0]
    more = ", ..." * (len(names) > 10)
    raise ValueError(
        f"{path}: expected an array 'images', a single array, or one array per split "
        f"({', '.join(SPLITS)}), found {sorted(names)[:10]}{more}"
    )


def _read_npz(path: Path, max_bytes: int) -> dict[str, np.ndarray]:
    """Read the arrays of an archive that are images or labels; the rest of it is ignored."""
    with _reading(path):
        archive = zipfile.ZipFile(path)
    with archive:
        members = {info.filename: info for info in archive.infolist()}
        names = [name[:-4] for name in members if name.endswith(".npy")]
        chosen = {name: members[f"{name}.npy"] for name in _choose_members(path, names)}
        _check_members(path, chosen.values(), max_bytes)
        return {name: _read_member(path, archive, info) for name, info in chosen.items()}


def _check_members(path: Path, members: Collection[zipfile.ZipInfo], max_bytes: int) -> None:
    """Raise if the arrays of an archive are too large, or compressed in an unknown way."""
    sizes = sum(info.file_size for info in members)  # zipfile decodes no more than this
    check_bytes(path, sizes, max(max_bytes, path.stat().st_size))
    for info in members:
        if info.compress_type not in METHODS:
            raise ValueError(
                f"{path}: {info.filename!r} has the compression method {info.compress_type}, "
                "which is not supported; write the file with np.savez_compressed"
            )


def _read_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Read one array of an archive."""
    with _reading(path):
        file = archive.open(info)
    with file:
        return _read_array(path, file, info.file_size)


def _read_array(path: Path, file: IO[bytes], size: int) -> np.ndarray:
    """Read one array from a file of `size` bytes, if it has as many as its header promises."""
    with _reading(path):
        version = npy.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"unknown version {version}")
        shape, _, dtype = HEADERS[version](file)
        room = size - file.tell()
    _check_header(path, shape, dtype, room)
    with _reading(path):
        file.seek(0)
        return np.asarray(npy.read_array(file, allow_pickle=False))


def _check_header(path: Path, shape: tuple[Any, ...], dtype: np.dtype[Any], room: int) -> None:
    """Raise a ValueError unless `room` bytes hold such an array of numbers."""
    if dtype.hasobject:
        raise ValueError(
            f"{path}: holds Python objects, which are never unpickled; save numbers instead, "
            "for example np.stack(images).astype(np.uint8)"
        )
    if dtype.kind not in "biuf":
        raise ValueError(f"{path}: expected integers, floats or bool, got dtype {dtype}")
    if not all(type(length) is int and length >= 0 for length in shape):  # True is an int, too
        raise ValueError(f"{path}: the header is damaged, it gives the shape {shape!s:.99}")
    if math.prod(shape) * dtype.itemsize > room:
        raise ValueError(
            f"{path}: not a readable {path.suffix} file, corrupt or truncated (an array of shape "
            f"{shape!s:.99} and dtype {dtype} needs more than the {room:,} bytes that are there)"
        )


DAMAGE = (
    ValueError,
    EOFError,  # an empty or truncated file
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,  # a damaged header of a .npy file
    SyntaxError,
    RuntimeError,  # an encrypted archive, a missing feature of zipfile, deep nesting
    MemoryError,  # the parser of deeply nested headers
    LookupError,
    OverflowError,
    TypeError,  # a header whose keys are not strings
)
"""Errors of NumPy and zipfile on damaged files."""


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn the errors of a damaged file into one ValueError that names it."""
    try:
        yield
    except DAMAGE as error:
        reason = str(error).partition("\n")[0][:200]  # some contain the whole header
        raise ValueError(
            f"{path}: not a readable {path.suffix} file, corrupt or truncated ({reason})"
        ) from error
