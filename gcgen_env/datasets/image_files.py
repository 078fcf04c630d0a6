"""Reader of one image file: checks what it decodes to, and makes its pixels grey or RGB bytes."""

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gcgen_env.limits import MAX_BYTES, SHARE, check_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
"""Formats by content: files often have the wrong suffix. Others may run programs (PostScript)."""
SCAN = b"\xff\xda"  # marker of a scan of a JPEG file; data never contain it
MOST_SCANS = 50
"""Most scans of a JPEG file: a progressive one has ten, and each decodes the whole picture."""
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L")
"""Pillow's modes of images without colour; those with an I have 16 bits."""
Colour = tuple[int, int, int]
"""Red, green and blue, each in 0..255."""
WHITE: Colour = (255, 255, 255)


def read_image(path: Path, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read an image file, shape (1, height, width) if it is grey, else (3, height, width), uint8.

    Transparent pixels are blended with white, and a camera's orientation tag is applied. An
    image with a palette counts as colour. Of 16 bits the upper eight are kept, and of an
    animation the first frame.

    Args:
        path: The file.
        max_bytes: The limit of a data set; one picture may take one part in `SHARE` of it.
            Pillow's own limit, `PIL.Image.MAX_IMAGE_PIXELS`, holds as well.

    Raises:
        ValueError: If the file cannot be read, takes more bytes than the limit, or has more than
            `MOST_SCANS` scans.
    """
    pixels = np.asarray(load_image(path, max_bytes))
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def load_image(
    path: Path, max_bytes: int = MAX_BYTES, background: Colour = WHITE, enough: int | None = None
) -> "Image":
    """Read an image file as an image of mode "L", if it is grey, or "RGB".

    Args:
        path: The file.
        max_bytes: As for `read_image`.
        background: What transparent pixels are blended with. A grey image becomes RGB if it has
            such pixels and the background is coloured.
        enough: Decode a JPEG file no larger than needed: to an eighth, a quarter or a half of its
            size, whose sides are at least so long. None decodes all of it.

    Raises:
        ValueError: As `read_image`.
    """
    with open_image(path) as image:
        _check_scans(path, image)
        with _decoding(path):
            needed = _measure(image, enough)
        check_bytes(path, needed, max_bytes, SHARE)
        with _decoding(path):
            return _decode(image, background)


def open_image(path: Path) -> "Image":
    """Open an image; nothing but its header is read.

    Raises:
        ValueError: If the file cannot be read.
    """
    from PIL import Image

    if not os.path.exists(path):
        raise ValueError(f"{path}: not a readable image, there is no such file")
    if not os.path.isfile(path):
        raise ValueError(f"{path}: not a readable image, it is not a regular file")
    with _decoding(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have our own limit
        return Image.open(path, formats=FORMATS)


def count_channels(image: "Image") -> int:
    """Return 1 for a grey image, else 3."""
    return 1 if image.mode in GREY_MODES else 3


def _check_scans(path: Path, image: "Image") -> None:
    """Raise if a JPEG file has so many scans that decoding it would take minutes."""
    if image.format in ("JPEG", "MPO"):
        with _decoding(path):
            content = path.read_bytes()
        if content.count(SCAN) > MOST_SCANS:
            raise ValueError(f"{path}: has more than {MOST_SCANS} scans; save it again")


def _measure(image: "Image", enough: int | None) -> int:
    """Return the bytes that decoding takes, after choosing the scale of a JPEG file."""
    whole = image.width * image.height * count_channels(image)
    if enough is not None:
        image.draft(None, (enough, enough))
    if image.info.get("progressive"):
        return whole  # its decoder keeps the coefficients of the whole picture
    return image.width * image.height * count_channels(image)


def _decode(image: "Image", background: Colour) -> "Image":
    """Return the pixels of an open image in mode "L" or "RGB"."""
    from PIL import Image, ImageOps

    ImageOps.exif_transpose(image, in_place=True)  # decodes, so a truncated file fails here
    image.load()
    if image.mode.startswith("I"):
        image = _drop_low_bits(image)
    is_grey = image.mode in GREY_MODES
    if image.has_transparency_data:
        is_grey = is_grey and len(set(background)) == 1
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, background), rgba)
    return image.convert("L" if is_grey else "RGB")


def _drop_low_bits(image: "Image") -> "Image":
    """Return a grey image of 16 bits in 8, as Pillow itself does it for colour."""
    from PIL import Image

    values = np.asarray(image)  # (height, width), 0..65535
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    clear = image.info.get("transparency")  # the one level that is transparent, in 16 bits
    if clear is not None:
        grey.putalpha(Image.fromarray((values != clear).astype(np.uint8) * np.uint8(255)))
    return grey


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
    except PermissionError as error:
        raise ValueError(f"{path}: not a readable image, no permission to read it") from error
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error) as error:
        raise ValueError(f"{path}: not a readable image, corrupt or truncated ({error})") from error
