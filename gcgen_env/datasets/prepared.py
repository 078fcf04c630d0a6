"""Makes a data set of the images in a folder: of one size, without duplicates, with splits."""

import hashlib
from collections.abc import Sequence
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
        images: Shape (N, side, side) if all of them are grey, else (N, side, side, 3), uint8;
            ordered by their hashes, so that their order says nothing about them.
        paths: The file of each image, N.
        classes: The name of the class of each image, N; None without classes.
        duplicates: Files whose image is that of an earlier file, and that file.
        broken: Files that cannot be read, and why.
    """

    images: np.ndarray
    paths: tuple[Path, ...]
    classes: tuple[str, ...] | None
    duplicates: dict[Path, Path]
    broken: dict[Path, str]

    @property
    def side(self) -> int:
        """Height and width of the images."""
        return self.images.shape[1]

    @property
    def is_grey(self) -> bool:
        """Whether no image has a colour."""
        return self.images.ndim == 3

    def class_names(self) -> list[str]:
        """Return the names of the classes; the label of a class is its index."""
        return sorted(set(self.classes or ()))


def prepare_images(
    survey: Survey,
    side: int,
    fit: Fit = "crop",
    background: Colour = WHITE,
    max_bytes: int = MAX_BYTES,
    track: Track = iter,
) -> Prepared:
    """Read the images of a folder one by one and make squares of them.

    Of images that are equal as squares, the first is kept: no two splits share an image.

    Args:
        survey: The files.
        side: Height and width of the images made.
        fit: How rectangles become squares, see `make_square`.
        background: What transparent pixels are blended with, and the colour of added borders.
        max_bytes: Most bytes that all squares may take; a single picture may decode to one part
            in `gcgen_env.limits.SHARE` of it.
        track: Called once with the files that are read.

    Raises:
        ValueError: If the squares take more than `max_bytes`, or no file can be read.
    """
    check_bytes(survey.folder, len(survey.headers) * 3 * side**2, max_bytes)
    squares: dict[bytes, np.ndarray] = {}  # by hash, each (side, side, 3)
    sources: dict[bytes, Path] = {}
    duplicates, broken = {}, dict(survey.broken)
    for path in track([header.path for header in survey.headers]):
        try:
            image = load_image(path, max_bytes, background, enough=2 * side)
        except ValueError as error:
            broken[path] = describe_error(path, error)
            continue
        square = np.asarray(make_square(image, side, fit, background))
        key = hashlib.sha256(square.tobytes()).digest()
        if key in sources:
            duplicates[path] = sources[key]
        else:
            squares[key], sources[key] = square, path
    if not squares:
        first, reason = next(iter(broken.items()))
        raise ValueError(
            f"{survey.folder}: none of {len(broken):,} files can be read; "
            f"{survey.name(first)}: {reason}"
        )
    keys = sorted(squares)
    paths = tuple(sources[key] for key in keys)
    classes = find_classes([path.relative_to(survey.folder) for path in paths])
    return Prepared(
        _stack([squares[key] for key in keys]),
        paths,
        None if classes is None else tuple(map(make_printable, classes)),
        duplicates,
        broken,
    )


def _stack(squares: Sequence[np.ndarray]) -> np.ndarray:
    """Return the squares as one array; without the axis of the channels if all are grey."""
    if all((square == square[..., :1]).all() for square in squares):
        return np.stack([square[..., 0] for square in squares])
    return np.stack(squares)


def write_archive(prepared: Prepared, survey: Survey, path: Path) -> dict[str, int]:
    """Write the images as an `.npz` archive, which `dataset=` accepts; return the sizes of splits.

    For each split the archive holds images (`train`), the names of their files (`train_names`)
    and, with classes, labels (`train_labels`) whose names are in `label_names`. `left_out` says
    which files are missing, and why. The file is written whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    names = np.array([survey.name(source) for source in prepared.paths])
    arrays, sizes = {"left_out": np.array(_list_left_out(prepared, survey), dtype=str)}, {}
    classes = prepared.class_names()
    labels = np.searchsorted(classes, prepared.classes) if prepared.classes else None
    for split in SPLITS:
        index = split_indices(len(names), split)
        sizes[split] = len(index)
        arrays |= {split: prepared.images[index], f"{split}_names": names[index]}
        if labels is not None:
            arrays |= {f"{split}_labels": labels[index], "label_names": np.array(classes)}
    content = BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]  # NumPy reads a keyword
    write_bytes(path, content.getvalue())
    return sizes


def _list_left_out(prepared: Prepared, survey: Survey) -> list[str]:
    """Return one line for each file that is not in the data set."""
    copies = {
        path: f"the same image as {survey.name(other)}"
        for path, other in prepared.duplicates.items()
    }
    others = dict.fromkeys(survey.others, "no image, by its suffix")
    left_out = {**prepared.broken, **copies, **others}
    return [f"{survey.name(path)}: {reason}" for path, reason in left_out.items()]
