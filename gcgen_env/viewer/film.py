"""Write pictures as an MP4 film."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np

from gcgen_env.atomic_files import write_bytes

QUALITY = 8
"""Of 10; below it thin lines are blurred."""


def load_encoder() -> ModuleType:
    """Import imageio-ffmpeg; raise a ValueError that says how to install it."""
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise ValueError(
            "films need imageio-ffmpeg: pip install 'gcgen[video]', or write a .gif"
        ) from error
    return imageio_ffmpeg


def save_mp4(frames: Iterable[np.ndarray], path: str | os.PathLike[str], fps: float) -> None:
    """Write pictures as a film that browsers play (H.264); missing folders are created.

    Args:
        frames: Pictures of the same size, each of shape (height, width, 3), uint8. A row or column
            of black is added where a side is odd, which the format does not have.
        path: File to write.
        fps: Frames per second, above 0.

    Raises:
        ValueError: If imageio-ffmpeg is not installed (`pip install 'gcgen[video]'`), there is no
            frame, the sizes differ, or `fps` is not positive.
        OSError: If the file cannot be written.
    """
    imageio_ffmpeg = load_encoder()
    if not fps > 0:
        raise ValueError(f"Expected fps above 0, got {fps}.")
    pictures = [np.asarray(frame) for frame in frames]
    shapes = {picture.shape for picture in pictures}
    if len(shapes) != 1 or any(p.ndim != 3 or p.dtype != np.uint8 for p in pictures):
        raise ValueError(f"Expected uint8 pictures of one size (height, width, 3), got {shapes}.")
    height, width, _ = (side + side % 2 for side in pictures[0].shape)
    with TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(film), (width, height), fps=fps, quality=QUALITY, macro_block_size=2
        )
        writer.send(None)  # starts the generator
        for picture in pictures:
            whole = np.zeros((height, width, 3), np.uint8)
            whole[: picture.shape[0], : picture.shape[1]] = picture
            writer.send(whole.tobytes())
        writer.close()
        write_bytes(os.fspath(path), film.read_bytes())
