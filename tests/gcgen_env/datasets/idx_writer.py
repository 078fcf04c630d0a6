"""Writer of the IDX format, the inverse of the library's reader."""

import struct

import numpy as np


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an array of bytes in IDX format."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape)
    return header + array.tobytes()
