"""Makes a data set of the images in a folder: of one size, without duplicates, with splits."""

import hashlib
import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from gcgen_env.atomic_files import write_bytes
from gcgen_env.datasets.dataset import SPLITS, split_indices
from gcgen_env.datasets.folder_survey import (
    Survey,
    Track,
    describe_error,
    find_classes,
    make_printable,
)
from gcgen_env.datasets.image_files import WHITE, Colour, load_image
from gcgen_env.datasets.squares import Fit, make_square
from gcgen_env.limits import MAX_BYTES, check_bytes


@dataclass(frozen=True, eq=False)
class Prepared:
    """Different images of one size.

    Attributes:
        squares: The images in the order in which they were read, shape (M, side, side, 3), uint8;
            in memory, or a file that is mapped into it. Not all of them need be used.
        order: Indices into `squares` of the images, N; ordered by their hashes, so that their
            order says nothing about them.
        is_grey: Whether no image has a colour.
        is_plain: Whether every image is of one colour.
        paths: The file of each image, N.
        classes: The name of the class of each image, N; None without classes.
        duplicates: Files whose image is that of an earlier file, and that file.
        broken: Files that cannot be read, and why.
    """

    squares: np.ndarray
    order: np.ndarray
    is_grey: bool
    is_plain: bool
    paths: tuple[Path, ...]
    classes: tuple[str, ...] | None
    duplicates: dict[Path, Path]
    broken: dict[Path, str]

    @property
    def side(self) -> int:
        """Height and width of the images."""
        return self.squares.shape[1]

    @property
    def num_values(self) -> int:
        """Number of values of an image."""
        return self.side**2 * (1 if self.is_grey else 3)

    @property
    def num_bytes(self) -> int:
        """Bytes that all images take."""
        return len(self.order) * self.num_values

    def take(self, index: np.ndarray) -> np.ndarray:
        """Return some images, shape (n, side, side) if all are grey, else (n, side, side, 3)."""
        images = self.squares[self.order[index]]
        return images[..., 0] if self.is_grey else images

    def class_names(self) -> list[str]:
        """Return the names of the classes; the label of a class is its index."""
        return sorted(set(self.classes or ()))

    def labels(self) -> np.ndarray | None:
        """Return the label of each image, shape (N,); None without classes."""
        return np.searchsorted(self.class_names(), self.classes) if self.classes else None


def prepare_images(
    survey: Survey,
    side: int,
    fit: Fit = "crop",
    background: Colour = WHITE,
    max_bytes: int = MAX_BYTES,
    track: Track = iter,
    workspace: Path | None = None,
) -> Prepared:
    """Read the images of a folder one by one and make squares of them.

    Of images that are equal as squares, the first is kept: no two splits share an image.

    Args:
        survey: The files.
        side: Height and width of the images made.
        fit: How rectangles become squares, see `make_square`.
        background: What transparent pixels are blended with, and the colour of added borders.
        max_bytes: Most bytes that all squares may take in memory; a single picture may decode to
            one part in `gcgen_env.limits.SHARE` of it.
        track: Called once with the files that are read.
        workspace: A file to keep the squares in, for sets that are larger than the memory; None
            keeps them in memory.

    Raises:
        ValueError: If the squares take more than `max_bytes` of memory, or no file can be read.
    """
    shape = (len(survey.headers), side, side, 3)
    if workspace is None:
        check_bytes(survey.folder, math.prod(shape), max_bytes)
        squares = np.empty(shape, np.uint8)
    else:
        squares = np.lib.format.open_memmap(workspace, mode="w+", dtype=np.uint8, shape=shape)
    rows: dict[bytes, int] = {}  # by hash
    sources: list[Path] = []  # by row
    duplicates, broken, is_grey, is_plain = {}, dict(survey.broken), True, True
    for path in track([header.path for header in survey.headers]):
        try:
            image = load_image(path, max_bytes, background, enough=2 * side)
        except ValueError as error:
            broken[path] = describe_error(path, error)
            continue
        square = np.asarray(make_square(image, side, fit, background))  # (side, side, 3)
        key = hashlib.sha256(square.tobytes()).digest()
        if key in rows:
            duplicates[path] = sources[rows[key]]
            continue
        rows[key], squares[len(sources)] = len(sources), square
        sources.append(path)
        is_grey = is_grey and bool((square == square[..., :1]).all())
        is_plain = is_plain and bool((square == square[:1, :1]).all())
    if not rows:
        first, reason = next(iter(broken.items()))
        raise ValueError(
            f"{survey.folder}: none of {len(broken):,} files can be read; "
            f"{survey.name(first)}: {reason}"
        )
    order = np.array([rows[key] for key in sorted(rows)])
    paths = tuple(sources[row] for row in order)
    classes = find_classes([path.relative_to(survey.folder) for path in paths])
    names = None if classes is None else tuple(map(make_printable, classes))
    return Prepared(squares, order, is_grey, is_plain, paths, names, duplicates, broken)


def write_archive(prepared: Prepared, survey: Survey, path: Path) -> dict[str, int]:
    """Write the images as an `.npz` archive, which `dataset=` accepts; return the sizes of splits.

    For each split the archive holds images (`train`), the names of their files (`train_names`)
    and, with classes, labels (`train_labels`) whose names are in `label_names`. `left_out` says
    which files are missing, and why. The file is written whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    names = np.array([survey.name(source) for source in prepared.paths])
    arrays, sizes = {"left_out": np.array(list_left_out(prepared, survey), dtype=str)}, {}
    classes, labels = prepared.class_names(), prepared.labels()
    for split in SPLITS:
        index = split_indices(len(names), split)
        sizes[split] = len(index)
        arrays |= {split: prepared.take(index), f"{split}_names": names[index]}
        if labels is not None:
            arrays |= {f"{split}_labels": labels[index], "label_names": np.array(classes)}
    content = BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]  # NumPy reads a keyword
    write_bytes(path, content.getvalue())
    return sizes


def list_left_out(prepared: Prepared, survey: Survey) -> list[str]:
    """Return one line for each file that is not in the data set."""
    copies = {
        path: f"the same image as {survey.name(other)}"
        for path, other in prepared.duplicates.items()
    }
    others = dict.fromkeys(survey.others, "no image, by its suffix")
    left_out = {**prepared.broken, **copies, **others}
    return [f"{survey.name(path)}: {reason}" for path, reason in left_out.items()]
