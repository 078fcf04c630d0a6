"""Makes squares of pictures of any shape: cropped, padded or squeezed."""

from typing import TYPE_CHECKING, Literal

from gcgen_env.datasets.image_files import Colour

if TYPE_CHECKING:
    from PIL.Image import Image

Fit = Literal["crop", "pad", "squeeze"]
"""How a rectangle becomes a square: its middle, all of it on a background, or distorted."""


def make_square(image: "Image", side: int, fit: Fit, background: Colour) -> "Image":
    """Resize an image to a square of mode "RGB".

    Resizing is bilinear, with a filter as wide as the reduction: it averages over all pixels,
    and makes no value darker or lighter than those around it.

    Args:
        image: An image of mode "L" or "RGB".
        side: Side of the square, in pixels.
        fit: "crop" keeps the square in the middle, "pad" keeps everything and fills the rest with
            the background, "squeeze" keeps everything and changes the proportions.
        background: The colour of the borders.
    """
    from PIL import Image

    if fit == "crop":
        image = image.crop(find_middle(image.size))  # the box of `resize` lets its outside shine in
    size = fit_inside(image.size, side) if fit == "pad" else (side, side)
    resized = image.resize(size, Image.Resampling.BILINEAR)
    square = Image.new("RGB", (side, side), background)
    square.paste(resized.convert("RGB"), ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def find_middle(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the largest square in the middle of a rectangle: left, upper, right, lower."""
    width, height = size
    side = min(size)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def fit_inside(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return width and height of a rectangle whose longer side becomes `side`."""
    width, height = (max(1, round(length * side / max(size))) for length in size)
    return width, height
