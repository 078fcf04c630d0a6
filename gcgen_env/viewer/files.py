"""Pictures to files, whole or not at all."""

import os
import uuid
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image


def save_png(array: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Write a picture as PNG; missing folders are created, an existing file is replaced.

    Args:
        array: The picture, shape (height, width, 3), uint8.
        path: Where to write it.

    Raises:
        ValueError: If the array is not a picture.
        OSError: If the place cannot be written to.
    """
    buffer = BytesIO()
    _to_image(array).save(buffer, format="PNG", optimize=True)
    _write_atomically(Path(path), buffer.getvalue())


def save_gif(frames: Iterable[np.ndarray], path: str | os.PathLike[str], fps: float) -> None:
    """Write pictures as an endless GIF; missing folders are created.

    Equal neighbours are stored as one frame shown for longer. GIF counts in hundredths of a
    second.

    Args:
        frames: Pictures of one size, each of shape (height, width, 3), uint8.
        path: Where to write it.
        fps: Frames per second, above 0 and at most 50.

    Raises:
        ValueError: If there is no frame, sizes differ, or `fps` is out of range.
        OSError: If the place cannot be written to.
    """
    if not 0 < fps <= 50:
        raise ValueError(f"Expected fps above 0 and at most 50, got {fps}.")
    images = [_to_image(frame) for frame in frames]
    sizes = {image.size for image in images}
    if len(sizes) != 1:
        raise ValueError(f"Expected frames of one size, got the sizes {sorted(sizes)}.")
    buffer, duration = BytesIO(), 10 * round(100 / fps)
    rest = images[1:]
    images[0].save(
        buffer, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0
    )
    _write_atomically(Path(path), buffer.getvalue())


def _to_image(array: np.ndarray) -> Image.Image:
    array = np.asarray(array)
    if array.ndim != 3 or array.shape[-1] != 3 or array.dtype != np.uint8:
        got = f"{array.dtype} of shape {array.shape}"
        raise ValueError(f"Expected a uint8 picture of shape (height, width, 3), got {got}.")
    return Image.fromarray(np.ascontiguousarray(array))


def _write_atomically(path: Path, data: bytes) -> None:
    """Write a neighbouring file and rename it, so that a reader never meets half a picture."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            error.errno, f"Cannot write the picture to {path}: {reason}. Choose a writable path."
        ) from error
    finally:
        _remove_if_left(temporary)


def _remove_if_left(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # The folder itself is unusable, so nothing was written there.
