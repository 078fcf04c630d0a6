"""What identifies the data of a process: two processes with other data must not train together."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_ITEMS = 256
"""Number of items, evenly spread, whose content is compared."""


def describe_data(model: Any) -> dict[str, Any]:
    """Return the number, the shape and a checksum of the images that a `GCGen` model trains on."""
    dataset = model.env.goals.dataset
    index = np.linspace(0, len(dataset) - 1, min(len(dataset), MOST_ITEMS)).astype(np.int64)
    checksum = find_checksum(dataset.take(index))
    return {"images": len(dataset), "shape": list(dataset.shape), "checksum": checksum}


def find_checksum(images: NDArray[Any]) -> int:
    """Return a checksum of the values of an array."""
    return zlib.crc32(np.ascontiguousarray(images).tobytes())
