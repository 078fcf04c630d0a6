"""Write pictures as PNG and GIF files."""

import os
from collections.abc import Iterable
from io import BytesIO

import numpy as np
from PIL import Image

from gcgen_env.atomic_files import write_bytes


def save_png(array: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Write a picture as PNG; missing folders are created, an existing file is replaced.

    Args:
        array: Picture, shape (height, width, 3), uint8.
        path: File to write.

    Raises:
        ValueError: If the array has another shape or dtype.
        OSError: If the file cannot be written.
    """
    write_bytes(os.fspath(path), encode_png(array))


def encode_png(array: np.ndarray) -> bytes:
    """Return the bytes of a PNG file.

    Args:
        array: Picture, shape (height, width, 3), uint8.

    Raises:
        ValueError: If the array has another shape or dtype.
    """
    buffer = BytesIO()
    _to_image(array).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def save_gif(frames: Iterable[np.ndarray], path: str | os.PathLike[str], fps: float) -> None:
    """Write pictures as a GIF that repeats forever; missing folders are created.

    Args:
        frames: Pictures of the same size, each of shape (height, width, 3), uint8.
        path: File to write.
        fps: Frames per second, above 0 and at most 50; each frame is shown for a whole number of
            hundredths of a second. Equal frames in a row are stored as one longer frame.

    Raises:
        ValueError: If there is no frame, the sizes differ, or `fps` is out of range.
        OSError: If the file cannot be written.
    """
    if not 0 < fps <= 50:  # browsers slow down what is faster
        raise ValueError(f"Expected fps above 0 and at most 50, got {fps}.")
    images = [_to_image(frame) for frame in frames]
    sizes = {image.size for image in images}
    if len(sizes) != 1:
        raise ValueError(f"Expected frames of one size, got the sizes {sorted(sizes)}.")
    buffer, duration = BytesIO(), 10 * round(100 / fps)  # ms, in steps of 10
    rest = images[1:]
    images[0].save(
        buffer, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0
    )
    write_bytes(os.fspath(path), buffer.getvalue())


def _to_image(array: np.ndarray) -> Image.Image:
    array = np.asarray(array)
    if array.ndim != 3 or array.shape[-1] != 3 or array.dtype != np.uint8:
        got = f"{array.dtype} of shape {array.shape}"
        raise ValueError(f"Expected a uint8 picture of shape (height, width, 3), got {got}.")
    return Image.fromarray(np.ascontiguousarray(array))
