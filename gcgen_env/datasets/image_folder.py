"""Reader of folders of PNG and JPEG files."""

from pathlib import Path

import numpy as np

from gcgen_env.datasets.image_files import count_channels, open_image, read_image
from gcgen_env.datasets.images import resize_images
from gcgen_env.limits import MAX_BYTES, check_bytes

SUFFIXES = (".png", ".jpg", ".jpeg")


def read_image_folder(
    folder: Path, image_size: int | None = None, max_bytes: int = MAX_BYTES
) -> np.ndarray:
    """Read the PNG and JPEG files of a folder, sorted by name; sub-folders are not read.

    If every file is grey, so is the set; else all its images are RGB. `gcgen prepare` reads more
    kinds of files, and sub-folders.

    Args:
        folder: The folder.
        image_size: Side of the square that images are resized to; None keeps the size.
        max_bytes: Most bytes that all images together may take, after resizing. A single
            picture may take one part in `SHARE` of it, before resizing.

    Returns:
        Images, shape (N, C, height, width), uint8.

    Raises:
        ValueError: If there is no image, one cannot be read, the images take more than
            `max_bytes`, or sizes differ and `image_size` is None.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise ValueError(
            f"{folder}: expected files ending in {', '.join(SUFFIXES)}, found none "
            f"(sub-folders are not read: `gcgen prepare` does that)"
        )
    check_bytes(folder, _measure_folder(paths, image_size), max_bytes)
    images = []  # each (C, height, width)
    for path in paths:
        image = read_image(path, max_bytes)
        images.append(image if image_size is None else resize_images(image[None], image_size)[0])
    _check_sizes(paths, images)
    num_channels = max(len(image) for image in images)  # 1 if all are grey, else 3
    return np.stack([image.repeat(num_channels // len(image), axis=0) for image in images])


def _measure_folder(paths: list[Path], image_size: int | None) -> int:
    """Return the bytes that the images of a folder take, from their headers alone."""
    sizes, num_channels = [], 1
    for path in paths:
        with open_image(path) as image:
            sizes.append(image.width * image.height if image_size is None else image_size**2)
            num_channels = max(num_channels, count_channels(image))
    return sum(sizes) * num_channels


def _check_sizes(paths: list[Path], images: list[np.ndarray]) -> None:
    (height, width), first = images[0].shape[1:], paths[0]
    for path, image in zip(paths, images, strict=True):
        if image.shape[1:] != (height, width):
            raise ValueError(
                f"images differ in size: {first} is {height} x {width} (height x width), {path} "
                f"is {image.shape[1]} x {image.shape[2]}; pass image_size= to resize them all"
            )
