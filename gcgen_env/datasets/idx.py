"""Reader of the IDX format of MNIST, plain or gzip (Y. LeCun, C. Cortes, C. Burges)."""

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from gcgen_env.limits import MAX_BYTES, check_bytes

GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952
UNSIGNED_BYTE = 0x08  # dtype code of the format
Readable = IO[bytes] | gzip.GzipFile
CHUNK = 1 << 20  # bytes read at once: memory follows the content, not the header


@contextmanager
def open_payload(path: Path) -> Iterator[Readable]:
    """Open a file, decompressed while it is read if its first bytes, not its suffix, say gzip.

    Raises:
        ValueError: If the gzip stream is corrupt or truncated; the message names the file.
    """
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP_MAGIC
        file.seek(0)
        if not is_gzip:
            yield file
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: corrupt or truncated gzip file ({error})") from error


def read_chunks(file: Readable, most: int) -> Iterator[bytes]:
    """Read a file in chunks, and no more than `most` bytes."""
    while most > 0 and (chunk := file.read(min(most, CHUNK))):
        most -= len(chunk)
        yield chunk


def read_idx(
    path: Path, shape: tuple[int, ...] | None = None, max_bytes: int = MAX_BYTES
) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzip.

    The format is: two zero bytes, a dtype code, the number of dimensions, each dimension as a
    big-endian uint32, then the items in C order.

    Args:
        path: The file.
        shape: The shape that the file must have; None accepts any.
        max_bytes: Most bytes that the items may take, unless the file is larger.

    Returns:
        The items, shape as in the header, uint8, read-only.

    Raises:
        ValueError: If the file is corrupt, truncated, too long, of another dtype or shape, or
            decodes to more than `max_bytes`; the message names the file.
    """
    with open_payload(path) as file:
        found = _read_shape(path, file)
        if shape is not None and found != shape:  # before the items take memory
            raise ValueError(f"{path}: expected shape {shape}, got {found}")
        needed = math.prod(found)
        check_bytes(path, needed, max(max_bytes, path.stat().st_size))
        items = b"".join(read_chunks(file, needed + 1))  # one more tells that there are too many
    if len(items) != needed:
        raise ValueError(
            f"{path}: corrupt or truncated IDX file, shape {found} needs {needed} bytes, got "
            f"{len(items) if len(items) < needed else 'more'}; replace the file"
        )
    try:
        return np.frombuffer(items, np.uint8).reshape(found)
    except ValueError as error:  # too many dimensions, or one of them is 0 and others are huge
        raise ValueError(f"{path}: no array has shape {found} ({error})") from error


def _read_shape(path: Path, file: Readable) -> tuple[int, ...]:
    """Read the header of an IDX file."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise ValueError(f"{path}: expected IDX magic bytes 00 00, got {magic[:2].hex(' ')!r}")
    dtype_code, num_dims = magic[2], magic[3]
    if dtype_code != UNSIGNED_BYTE:
        raise ValueError(f"{path}: expected IDX dtype 0x08 (uint8), got 0x{dtype_code:02x}")
    dims = file.read(4 * num_dims)
    if len(dims) < 4 * num_dims:
        needed = 4 + 4 * num_dims  # length of the header in bytes
        raise ValueError(f"{path}: truncated IDX header, {num_dims} dimensions need {needed} bytes")
    return tuple(np.frombuffer(dims, ">u4").tolist())
