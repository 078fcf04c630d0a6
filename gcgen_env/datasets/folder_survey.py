"""Looks through a folder and its sub-folders: which files are images, by their headers alone."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePath
from statistics import median_low
from typing import Any

from gcgen_env.datasets.image_files import count_channels, open_image

SUFFIXES = (".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".webp")
"""Suffixes of the files that are opened; the content decides what they are."""
Track = Callable[[list[Any]], Iterable[Any]]
"""Passes the items of a long work on, and may show how many of them are done."""


@dataclass(frozen=True)
class Header:
    """What the header of an image file says.

    Attributes:
        path: The file.
        width: In pixels, as stored: before a camera's orientation is applied.
        height: Likewise.
        mode: Pillow's name of the kind of pixels, such as "RGB".
        num_channels: 1 for grey, 3 for colour.
        is_transparent: Whether pixels may be transparent.
    """

    path: Path
    width: int
    height: int
    mode: str
    num_channels: int
    is_transparent: bool


@dataclass(frozen=True)
class Survey:
    """The files of a folder.

    Attributes:
        folder: The folder.
        headers: The images, sorted by path.
        broken: Files and folders that cannot be opened, and why.
        others: Files that are no images by their suffix.
    """

    folder: Path
    headers: tuple[Header, ...]
    broken: dict[Path, str]
    others: tuple[Path, ...]

    @property
    def median_side(self) -> int:
        """The median of the shorter sides of all images."""
        return median_low(min(header.width, header.height) for header in self.headers)

    def name(self, path: Path) -> str:
        """Return the name of a file within the folder, without characters that cannot be shown."""
        return make_printable(path.relative_to(self.folder).as_posix())


def survey_folder(folder: Path, track: Track = iter) -> Survey:
    """Look through a folder and its sub-folders; links to folders and hidden files are left out.

    Args:
        folder: The folder.
        track: Called once with the files that are opened.

    Raises:
        ValueError: If it is no folder, or no file in it can be opened as an image.
    """
    if not os.path.isdir(folder):
        what = "a file" if os.path.exists(folder) else "missing"
        raise ValueError(f"expected a folder of images, and {folder} is {what}")
    broken: dict[Path, str] = {}
    files = _list_files(folder, broken)
    paths = [path for path in files if path.suffix.lower() in SUFFIXES]
    headers = []
    for path in track(paths):
        try:
            headers.append(_read_header(path))
        except ValueError as error:
            broken[path] = describe_error(path, error)
    others = tuple(path for path in files if path.suffix.lower() not in SUFFIXES)
    survey = Survey(folder, tuple(headers), broken, others)
    if not headers:
        raise ValueError(_explain_nothing(survey))
    return survey


def describe_error(path: Path, error: Exception) -> str:
    """Return what is wrong with a file, without its name."""
    return make_printable(str(error).removeprefix(f"{path}: "))


def make_printable(text: str) -> str:
    """Replace what no terminal should get, such as line breaks and bytes that are no text."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def count_suffixes(paths: Iterable[Path]) -> str:
    """Return how many files have which suffix, the most frequent first: `.txt 3, .heic 1`."""
    counts = Counter(path.suffix.lower() or "without a suffix" for path in paths)
    shown = [f"{make_printable(suffix)} {count:,}" for suffix, count in counts.most_common(5)]
    return ", ".join(shown) + ", ..." * (len(counts) > 5)


def _list_files(folder: Path, broken: dict[Path, str]) -> list[Path]:
    """Return all files that are not hidden; folders that cannot be read are noted in `broken`."""

    def note(error: OSError) -> None:
        broken[Path(error.filename)] = f"not a readable folder, {error.strerror}"

    found = []
    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        found += [Path(parent, name) for name in names if not _is_hidden(name)]
    return sorted(found)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"  # macOS puts copies of icons in archives


def _read_header(path: Path) -> Header:
    with open_image(path) as image:
        width, height = image.size
        clear = image.has_transparency_data
        return Header(path, width, height, image.mode, count_channels(image), clear)


def _explain_nothing(survey: Survey) -> str:
    """Return why a folder has no image that can be read."""
    where = f"{survey.folder}: no image can be read"
    if survey.broken:
        first, reason = next(iter(survey.broken.items()))
        others = f" (and {len(survey.broken) - 1:,} more)" if len(survey.broken) > 1 else ""
        return f"{where}; {survey.name(first)}: {reason}{others}"
    found = f", only {count_suffixes(survey.others)}" if survey.others else ""
    return f"{where}, there is no file ending in {', '.join(SUFFIXES)} in it or below{found}"


def find_classes(paths: Iterable[PurePath]) -> list[str] | None:
    """Return the class of each file: the sub-folder that it is in.

    Folders that hold all files are skipped. None if there is only one class, or a file is in none.
    """
    folders = [path.parent.parts for path in paths]
    levels = zip(*folders, strict=False)  # down to the shallowest file
    depth = sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, levels))
    if min(map(len, folders)) == depth:  # a file lies beside the sub-folders
        return None
    return [parts[depth] for parts in folders]
