"""Reader of folders of PNG and JPEG files."""

import struct
from pathlib import Path

import numpy as np

from gcgen_env.datasets.images import resize_images

SUFFIXES = (".png", ".jpg", ".jpeg")
GREY_MODES = ("1", "L", "LA", "La")  # Pillow's: bilevel, grey, grey with transparency


def read_image_folder(folder: Path, image_size: int | None = None) -> np.ndarray:
    """Read the PNG and JPEG files of a folder, sorted by name; sub-folders are not read.

    If every file is grey, so is the set; else all its images are RGB.

    Args:
        folder: The folder.
        image_size: Side of the square that images are resized to; None keeps the size.

    Returns:
        Images, shape (N, C, height, width), uint8.

    Raises:
        ValueError: If there is no image, one cannot be read, or sizes differ and `image_size` is
            None.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise ValueError(
            f"{folder}: expected files ending in {', '.join(SUFFIXES)}, found none "
            f"(sub-folders are not read)"
        )
    images = [read_image(path) for path in paths]  # each (C, height, width)
    if image_size is not None:
        images = [resize_images(image[None], image_size)[0] for image in images]
    _check_sizes(paths, images)
    num_channels = max(len(image) for image in images)  # 1 if all are grey, else 3
    return np.stack([image.repeat(num_channels // len(image), axis=0) for image in images])


def _check_sizes(paths: list[Path], images: list[np.ndarray]) -> None:
    (height, width), first = images[0].shape[1:], paths[0]
    for path, image in zip(paths, images, strict=True):
        if image.shape[1:] != (height, width):
            raise ValueError(
                f"images differ in size: {first} is {height} x {width} (height x width), {path} "
                f"is {image.shape[1]} x {image.shape[2]}; pass image_size= to resize them all"
            )


def read_image(path: Path) -> np.ndarray:
    """Read an image file, shape (1, height, width) if it is grey, else (3, height, width), uint8.

    Transparent pixels are blended with white, and a camera's orientation tag is applied. An
    image with a palette counts as colour.

    Raises:
        ValueError: If the file cannot be read, or has more than 8 bits per channel.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)  # decodes, so a truncated file fails here
            image.load()
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise ValueError(f"{path}: not a readable image, corrupt or truncated ({error})") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: image too large ({error})") from error
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
