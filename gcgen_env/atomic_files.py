"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

_NAME_LENGTH = 48  # characters of a file's name in that of its temporary file: names are limited
_SUFFIX = ".tmp"


def write_bytes(
    path: str | Path, payload: bytes, before_move: Callable[[], object] = lambda: None
) -> Path:
    """Write a file atomically.

    The payload is written to a temporary file in the same folder and flushed to the disk; then
    that file replaces `path`, and the folder is flushed, too. If the disk is full or the process
    is stopped, the old file survives. A symbolic link is followed, not replaced. A file that is
    replaced keeps its permissions; a new one has those that the umask leaves.

    Args:
        path: Where to write; parent folders are created.
        payload: The content.
        before_move: Called when the content is on the disk, and the old file not yet replaced.

    Returns:
        The path written, with links resolved.

    Raises:
        OSError: If the file cannot be written; the message names the path and the reason.
    """
    try:
        target = Path(os.path.realpath(path))  # else os.replace would replace the link itself
        mode = _find_mode(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, payload, mode, before_move)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror or error}") from error
    except ValueError as error:  # a NUL, or a character that file names cannot have
        raise OSError(f"cannot write {str(path)!r}: {error}") from error
    return target


def write_json(path: str | Path, document: Mapping[str, Any]) -> Path:
    """Write a JSON object atomically; values that JSON does not know become strings."""
    return write_bytes(path, (json.dumps(document, indent=2, default=str) + "\n").encode())


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not hold a JSON object; the message names the file.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # deep nesting exhausts the stack
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} is damaged: expected a JSON object")
    return document


@contextlib.contextmanager
def writing_folder(target: Path) -> Iterator[Path]:
    """Write a folder; at the end of the context it moves to its place, replacing another one.

    If the context ends by an exception, also by Ctrl-C, nothing is left of it, and a folder that
    it would have replaced is as it was.

    Args:
        target: Its place; parent folders are created.

    Yields:
        A path with a hidden name beside it, at which the caller makes the folder.

    Raises:
        OSError: If the files cannot be written.
    """
    made = [parent for parent in target.parents if not parent.exists()]
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_SUFFIX}")
    try:
        yield temporary
        _move_folder(temporary, target)
    except BaseException:  # also KeyboardInterrupt
        shutil.rmtree(temporary, ignore_errors=True)
        for parent in made:  # the innermost first; others may have put something there
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
        raise


def _move_folder(temporary: Path, target: Path) -> None:
    """Move a folder to its place; one that is there is removed when the new one has replaced it."""
    if not target.exists():
        temporary.rename(target)
        return
    old = temporary.with_suffix(".old.tmp")
    target.rename(old)
    try:
        temporary.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def remove_temporaries(paths: Iterable[Path]) -> None:
    """Remove the temporary files that writers of these files have left when they were killed.

    The caller makes sure that nobody is writing these files now.
    """
    for path in paths:
        for stray in path.parent.glob(f"{glob.escape(_temporary_prefix(path))}*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                stray.unlink()


def _find_mode(path: Path) -> int | None:
    """Return the permissions of a file that will be replaced; None if there is no such file.

    Raises:
        OSError: If the path is no regular file, or is write-protected.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):  # a folder, a device, a link to itself
        raise OSError(errno.EINVAL, "it is not a regular file")
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "it is write-protected")
    return stat.S_IMODE(status.st_mode)


def _temporary_prefix(path: Path) -> str:
    """Return the part of a temporary file's name that says which file it is for."""
    return f".{path.name[:_NAME_LENGTH]}."


def _replace(
    path: Path, payload: bytes, mode: int | None, before_move: Callable[[], object]
) -> None:
    """Write a temporary file beside `path`, flush it to the disk, and move it to `path`."""
    temporary = path.with_name(f"{_temporary_prefix(path)}{secrets.token_hex(4)}{_SUFFIX}")
    access = 0o666 if mode is None else 0o600  # a private file is never readable by others
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, access)) as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())  # else a crash may leave the new name without the content
        if mode is not None:
            os.chmod(temporary, mode)
        before_move()
        os.replace(temporary, path)  # atomic, as both are in one folder
    except BaseException:  # also KeyboardInterrupt
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can do that."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some disks flush none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
