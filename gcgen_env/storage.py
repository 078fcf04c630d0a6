"""One container for everything saved: safetensors whose header carries a JSON document.

No pickle is ever written or read. A file is recognised by its content, not by its suffix.
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

_KEY = "gcgen"


def save_container(
    path: str | Path, kind: str, document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Path:
    """Write tensors and a JSON document into one file, atomically.

    The new file takes the old one's place only once it is complete: when the disk is full or
    the process is stopped, the old file survives.

    Args:
        path: Where to write, any suffix; parent folders are made.
        kind: What the file holds, such as "s-agent".
        document: JSON values.
        tensors: Name to tensor, on any device.

    Returns:
        The path written.

    Raises:
        OSError: If the place cannot be written.
    """
    path = Path(os.path.realpath(path))  # write through a link, not over it
    if path.exists() and not path.is_file():
        raise OSError(f"cannot write {path}: it is not a regular file")
    header = {_KEY: json.dumps({**document, "kind": kind})}
    payload = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, header)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, payload)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def load_container(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a file written by `save_container`.

    Args:
        path: The file.
        kind: What it must hold.

    Returns:
        The JSON document and the tensors, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is of another format or kind, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no saved file at {path}")
    try:
        with safe_open(str(path), framework="pt") as file:
            document = json.loads((file.metadata() or {}).get(_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not a GCGen file, or it is damaged ({error}); GCGen files are "
            "safetensors with a JSON header, and pickles are never read"
        ) from error
    if not isinstance(document, dict) or "kind" not in document:
        raise ValueError(f"{path} is a safetensors file that GCGen did not write")
    if document["kind"] != kind:
        raise ValueError(f"{path} holds a {document['kind']!r}, expected a {kind!r}")
    return document, tensors


def _replace(path: Path, payload: bytes) -> None:
    """Write beside `path`, flush to the disk, then move over it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
