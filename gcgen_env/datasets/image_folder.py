"""Reader of folders of PNG and JPEG files."""

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gcgen_env.datasets.images import resize_images
from gcgen_env.limits import MAX_BYTES, SHARE, check_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
"""Formats by content: files often have the wrong suffix. Others may run programs (PostScript)."""
SCAN = b"\xff\xda"  # marker of a scan of a JPEG file; data never contain it
MOST_SCANS = 50
"""Most scans of a JPEG file: a progressive one has ten, and each decodes the whole picture."""
GREY_MODES = ("1", "L", "LA", "La")  # Pillow's: bilevel, grey, grey with transparency


def read_image_folder(
    folder: Path, image_size: int | None = None, max_bytes: int = MAX_BYTES
) -> np.ndarray:
    """Read the PNG and JPEG files of a folder, sorted by name; sub-folders are not read.

    If every file is grey, so is the set; else all its images are RGB.

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
            f"(sub-folders are not read)"
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
        with _open(path) as image:
            sizes.append(image.width * image.height if image_size is None else image_size**2)
            num_channels = max(num_channels, _count_channels(image))
    return sum(sizes) * num_channels


def _check_sizes(paths: list[Path], images: list[np.ndarray]) -> None:
    (height, width), first = images[0].shape[1:], paths[0]
    for path, image in zip(paths, images, strict=True):
        if image.shape[1:] != (height, width):
            raise ValueError(
                f"images differ in size: {first} is {height} x {width} (height x width), {path} "
                f"is {image.shape[1]} x {image.shape[2]}; pass image_size= to resize them all"
            )


def read_image(path: Path, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read an image file, shape (1, height, width) if it is grey, else (3, height, width), uint8.

    Transparent pixels are blended with white, and a camera's orientation tag is applied. An
    image with a palette counts as colour.

    Args:
        path: The file.
        max_bytes: The limit of a data set; one picture may take one part in `SHARE` of it.
            Pillow's own limit, `PIL.Image.MAX_IMAGE_PIXELS`, holds as well.

    Raises:
        ValueError: If the file cannot be read, takes more bytes than the limit, has more than 8
            bits per channel, or more than `MOST_SCANS` scans.
    """
    with _open(path) as image:
        if image.format in ("JPEG", "MPO") and path.read_bytes().count(SCAN) > MOST_SCANS:
            raise ValueError(f"{path}: has more than {MOST_SCANS} scans; save it again")
        needed = image.width * image.height * _count_channels(image)
        check_bytes(path, needed, max_bytes, SHARE)
        return _decode(path, image)


def _decode(path: Path, image: "Image") -> np.ndarray:
    """Return the pixels of an open image, (C, height, width), uint8."""
    from PIL import Image, ImageOps

    with _decoding(path):
        ImageOps.exif_transpose(image, in_place=True)  # decodes, so a truncated file fails here
        image.load()
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits
        raise ValueError(
            f"{path}: expected 8 bits per channel, got mode {image.mode!r}; convert it"
        )
    is_grey = image.mode in GREY_MODES
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    pixels = np.asarray(image.convert("L" if is_grey else "RGB"))
    return pixels[None] if is_grey else np.moveaxis(pixels, -1, 0)


def _count_channels(image: "Image") -> int:
    """Return 1 for a grey image, else 3."""
    return 1 if image.mode in GREY_MODES else 3


def _open(path: Path) -> "Image":
    """Open an image; nothing but its header is read."""
    from PIL import Image

    if not os.path.isfile(path):
        raise ValueError(f"{path}: not a readable image, it is not a regular file")
    with _decoding(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have our own limit
        return Image.open(path, formats=FORMATS)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Turn the errors of Pillow into one ValueError that names the file."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{path}: not a readable image, expected the content of {', '.join(FORMATS)}"
        ) from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{path}: image too large ({error}); Pillow's limit is PIL.Image.MAX_IMAGE_PIXELS"
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error) as error:
        raise ValueError(f"{path}: not a readable image, corrupt or truncated ({error})") from error
