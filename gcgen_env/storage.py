"""The container of saved models: a safetensors file whose header carries a JSON document.

No pickle is ever written or read. A file is recognised by its content, not by its suffix.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from gcgen_env.atomic_files import write_bytes

File = str | Path | BinaryIO
"""A path, or a file object that is open in binary mode, such as `io.BytesIO`."""
_KEY = "gcgen"  # entry of the safetensors header that holds the document
_READERS = {
    "s-agent": "SAgent.load",
    "gcgen": "GCGen.load",
    "policy": "the load method of its policy",
    "algorithm": "the load method of MaskableDQN or MaskableQRDQN",
    "offline-algorithm": "the load method of GCBC or GCIQL",
    "replay-buffer": "load_replay_buffer",
    "classifier": "Classifier.load",
}
"""What reads each kind of container."""
_MAX_HEADER_BYTES = 100_000_000  # as safetensors has it
_LENGTH_BYTES = 8  # a safetensors file begins with the length of its header


def save_container(
    target: File,
    kind: str,
    document: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    before_move: Callable[[], object] = lambda: None,
) -> Path | None:
    """Write tensors and a JSON document into one file; a path is written atomically.

    Args:
        target: Where to write, any suffix.
        kind: What the file holds, such as "s-agent".
        document: JSON values.
        tensors: Name to tensor, on any device.
        before_move: See `write_bytes`.

    Returns:
        The path written, with links resolved; None for a file object.

    Raises:
        OSError: If the file cannot be written.
    """
    header = {_KEY: json.dumps({**document, "kind": kind})}  # the header holds only strings
    payload = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, header)
    if isinstance(target, str | os.PathLike):
        return write_bytes(target, payload, before_move)
    target.write(payload)
    return None


def load_container(source: File, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `save_container` has written.

    Args:
        source: The file.
        kind: What it must hold.

    Returns:
        The JSON document and the tensors, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file has another format or kind, or is damaged.
    """
    name, payload = describe_file(source), _read(source)
    try:
        tensors = load(payload)  # checks that every tensor lies within the file
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise _not_ours(name, error) from error
    document = _parse_document(name, payload[_LENGTH_BYTES:][: _header_length(payload)])
    if document["kind"] != kind:
        reader = _READERS.get(str(document["kind"]), "another class")
        raise ValueError(
            f"{name} holds a {document['kind']!r}, expected a {kind!r}: {reader} reads it"
        )
    return document, tensors


def read_document(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the JSON document of a container without its tensors; raises as `load_container`."""
    if not os.path.isfile(path):  # False for impossible names, too
        raise FileNotFoundError(f"no saved file at {path}")
    with open(path, "rb") as file:
        length = _header_length(file.read(_LENGTH_BYTES))
        return _parse_document(str(path), file.read(min(length, _MAX_HEADER_BYTES)))


def describe_file(file: File) -> str:
    """Return how messages name a file: its path, or the class of an object without one."""
    if isinstance(file, str | os.PathLike):
        return str(file)
    name = getattr(file, "name", None)  # of an open file
    return name if isinstance(name, str) else f"the {type(file).__name__} object"


def describe_error(error: Exception) -> str:
    """Return an error of another library in one line of moderate length."""
    return " ".join(str(error).split())[:300]


def _read(source: File) -> bytes:
    """Return the bytes of a file, from the position of a file object."""
    if not isinstance(source, str | os.PathLike):
        return source.read()
    read_document(source)  # raises before a large file of others is read
    return Path(source).read_bytes()


def _header_length(payload: bytes) -> int:
    """Return the claimed length of the header in bytes."""
    return int.from_bytes(payload[:_LENGTH_BYTES], "little")


def _parse_document(name: str, header: bytes) -> dict[str, Any]:
    """Return the JSON document of a header."""
    try:
        metadata = json.loads(header).get("__metadata__") or {}
        document = json.loads(metadata.get(_KEY, "null"))
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise _not_ours(name, error) from error
    if not isinstance(document, dict) or "kind" not in document:
        raise ValueError(f"{name} is a safetensors file that GCGen did not write")
    return document


def _not_ours(name: str, error: Exception) -> ValueError:
    """Return the error of a file that is not a container."""
    return ValueError(
        f"{name} is not a GCGen file, or it is damaged ({describe_error(error)}); GCGen files are "
        "safetensors with a JSON header, and pickles are never read"
    )
