"""Reader of the IDX format of MNIST, plain or gzip (Y. LeCun, C. Cortes, C. Burges)."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952
UNSIGNED_BYTE = 0x08  # dtype code of the format


def read_payload(path: Path) -> bytes:
    """Read a file, and decompress it if its first bytes, not its suffix, say gzip.

    Raises:
        ValueError: If the gzip stream is corrupt or truncated; the message names the file.
    """
    content = path.read_bytes()
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: corrupt or truncated gzip file ({error})") from error


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzip.

    The format is: two zero bytes, a dtype code, the number of dimensions, each dimension as a
    big-endian uint32, then the items in C order.

    Returns:
        The items, shape as in the header, uint8, read-only.

    Raises:
        ValueError: If the file is corrupt, truncated, too long or of another dtype; the message
            names the file.
    """
    payload = read_payload(path)
    if len(payload) < 4 or payload[:2] != b"\0\0":
        raise ValueError(f"{path}: expected IDX magic bytes 00 00, got {payload[:2].hex(' ')!r}")
    dtype_code, num_dims = payload[2], payload[3]
    if dtype_code != UNSIGNED_BYTE:
        raise ValueError(f"{path}: expected IDX dtype 0x08 (uint8), got 0x{dtype_code:02x}")
    start = 4 + 4 * num_dims  # length of the header in bytes
    if len(payload) < start:
        raise ValueError(f"{path}: truncated IDX header, {num_dims} dimensions need {start} bytes")
    shape = tuple(np.frombuffer(payload, ">u4", num_dims, offset=4).tolist())
    if len(payload) - start != math.prod(shape):
        raise ValueError(
            f"{path}: corrupt or truncated IDX file, shape {shape} needs {math.prod(shape)} "
            f"bytes, got {len(payload) - start}; replace the file"
        )
    return np.frombuffer(payload, np.uint8, offset=start).reshape(shape)
