"""Files that are written whole or not at all: bytes, JSON, and the container of saved models.

The container is a safetensors file whose header carries a JSON document. No pickle is ever
written or read. A file is recognised by its content, not by its suffix.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

_KEY = "gcgen"  # entry of the safetensors header that holds the document


def write_bytes(path: str | Path, payload: bytes) -> Path:
    """Write a file atomically.

    The payload is written to a temporary file in the same folder and flushed to the disk; then
    that file replaces `path`. If the disk is full or the process is stopped, the old file
    survives. A symbolic link is followed, not replaced.

    Args:
        path: Where to write; parent folders are created.
        payload: The content.

    Returns:
        The path written, with links resolved.

    Raises:
        OSError: If the file cannot be written; the message names the path and the reason.
    """
    path = Path(os.path.realpath(path))  # else os.replace would replace the link itself
    if path.exists() and not path.is_file():
        raise OSError(f"cannot write {path}: it is not a regular file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, payload)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror or error}") from error
    return path


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


def save_container(
    path: str | Path, kind: str, document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Path:
    """Write tensors and a JSON document into one file, atomically; see `write_bytes`.

    Args:
        path: Where to write, any suffix.
        kind: What the file holds, such as "s-agent".
        document: JSON values.
        tensors: Name to tensor, on any device.

    Returns:
        The path written, with links resolved.

    Raises:
        OSError: If the file cannot be written.
    """
    header = {_KEY: json.dumps({**document, "kind": kind})}  # the header holds only strings
    return write_bytes(
        path, save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, header)
    )


def load_container(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a file written by `save_container`.

    Args:
        path: The file.
        kind: What it must hold.

    Returns:
        The JSON document and the tensors, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file has another format or kind, or is damaged.
    """
    document, tensors = _read_container(path, with_tensors=True)
    if document["kind"] != kind:
        raise ValueError(f"{path} holds a {document['kind']!r}, expected a {kind!r}")
    return document, tensors


def read_kind(path: str | Path) -> Any:
    """Return the kind of a container without reading its tensors; raises as `load_container`."""
    return _read_container(path, with_tensors=False)[0]["kind"]


def _read_container(
    path: str | Path, with_tensors: bool
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the JSON document of a container, and its tensors if they are wanted."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no saved file at {path}")
    try:
        with safe_open(str(path), framework="pt") as file:
            document = json.loads((file.metadata() or {}).get(_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys() if with_tensors}
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not a GCGen file, or it is damaged ({error}); GCGen files are "
            "safetensors with a JSON header, and pickles are never read"
        ) from error
    if not isinstance(document, dict) or "kind" not in document:
        raise ValueError(f"{path} is a safetensors file that GCGen did not write")
    return document, tensors


def _replace(path: Path, payload: bytes) -> None:
    """Write a temporary file beside `path`, flush it to the disk, and move it to `path`."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())  # else a crash may leave the new name without the content
        os.chmod(name, 0o644)  # mkstemp gives access to the owner alone
        os.replace(name, path)  # atomic, as both are in one folder
    except BaseException:  # also KeyboardInterrupt
        Path(name).unlink(missing_ok=True)
        raise
