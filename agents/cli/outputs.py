"""Checks of the files that a command will write, before it starts to work."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path


def check_output(
    path: Path,
    overwrite: bool = False,
    option: str = "--out",
    suffixes: Collection[str] = (),
    inputs: Collection[Path] = (),
) -> None:
    """Raise a ValueError unless a file can be written without losing another one.

    Args:
        path: The file.
        overwrite: Whether an existing file may be replaced.
        option: The option that names the file.
        suffixes: Accepted suffixes; empty accepts every one.
        inputs: Files that the command reads; they are never replaced.
    """
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"{option} must end in {', '.join(sorted(suffixes))}; got {path}")
    if not path.name:
        raise ValueError(f"{option} must name a file, got {path}")
    try:
        _check_place(path, option)
        exists = path.exists()
        is_input = exists and any(path.samefile(other) for other in inputs if other.exists())
    except OSError as error:  # too long a name, a circle of links
        raise ValueError(f"{option} cannot be {path}: {error.strerror}") from error
    if is_input:
        raise ValueError(f"{option} would replace {path}, which the command reads: choose another")
    if exists and not overwrite:
        raise ValueError(
            f"{path} already exists: replace it with --overwrite, or choose another {option}"
        )


def check_folder(path: Path, overwrite: bool, mark: str, inputs: Collection[Path] = ()) -> None:
    """Raise a ValueError unless `--out` can become a folder without losing another one.

    Args:
        path: The folder.
        overwrite: Whether an existing one may be replaced, if it holds a file with this name:
        mark: The file that every such folder has.
        inputs: Folders that the command reads; the new one is not in them, nor they in it.
    """
    real = Path(os.path.realpath(path))
    for other in map(os.path.realpath, inputs):
        if real == Path(other) or real in Path(other).parents or Path(other) in real.parents:
            raise ValueError(f"--out cannot be {path}: the command reads {other}")
    if not real.name:
        raise ValueError(f"--out must name a folder, got {path}")
    if os.path.lexists(path):
        if not (path / mark).is_file():
            raise ValueError(
                f"{path} already exists, and is no such data set: choose another --out"
            )
        if not overwrite:
            raise ValueError(
                f"{path} already exists: replace it with --overwrite, or choose another --out"
            )
    _check_place(real / mark, "--out")


def _check_place(path: Path, option: str) -> None:
    """Raise a ValueError unless a regular file can be created at a path."""
    if path.is_dir():
        raise ValueError(f"{option} must name a file, and {path} is a folder")
    if path.exists() and not path.is_file():
        raise ValueError(f"{option} must name a regular file, and {path} is a pipe or a device")
    target = Path(os.path.realpath(path))  # links are followed when the file is written
    if target.is_symlink():
        raise ValueError(f"{option} cannot be {path}: its links lead nowhere")
    folder = next(parent for parent in target.parents if parent.exists())
    if not folder.is_dir():
        raise ValueError(f"{option} cannot be {path}: {folder} is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{option} cannot be {path}: no permission to write in {folder}")


def as_argument(path: Path) -> str:
    """Return a path as a word of a command; one that begins with a dash would be an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)
