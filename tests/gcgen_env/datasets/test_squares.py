"""Rectangles become squares: where their pixels arrive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gcgen_env.datasets.images import resize_images
from gcgen_env.datasets.squares import Fit, fit_inside, make_square

RED, GREEN, BLUE, ORANGE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 136, 0)
LENGTHS = st.integers(1, 60)


def draw_stripes(width: int, height: int) -> Image.Image:
    """Draw a red, a green and a blue third along the longer side."""
    image = Image.new("RGB", (width, height), GREEN)
    third = max(width, height) // 3
    if width >= height:
        image.paste(RED, (0, 0, third, height))
        image.paste(BLUE, (width - third, 0, width, height))
    else:
        image.paste(RED, (0, 0, width, third))
        image.paste(BLUE, (0, height - third, width, height))
    return image


@pytest.mark.parametrize("size", [(60, 20), (20, 60), (600, 200)])
class TestStripes:
    """Rectangles of 3 to 1, made squares of 12."""

    def square(self, size: tuple[int, int], fit: Fit) -> np.ndarray:
        pixels = np.asarray(make_square(draw_stripes(*size), 12, fit, ORANGE))
        assert pixels.shape == (12, 12, 3)
        return pixels if size[0] > size[1] else pixels.swapaxes(0, 1)  # stripes from left to right

    def test_crop_keeps_the_middle(self, size: tuple[int, int]) -> None:
        assert (self.square(size, "crop") == GREEN).all()

    def test_pad_keeps_all_between_borders(self, size: tuple[int, int]) -> None:
        pixels = self.square(size, "pad")
        assert (pixels[:4] == ORANGE).all() and (pixels[8:] == ORANGE).all()
        for column, colour in ((1, RED), (5, GREEN), (10, BLUE)):
            assert (pixels[4:8, column] == colour).all()

    def test_squeeze_keeps_all_without_borders(self, size: tuple[int, int]) -> None:
        pixels = self.square(size, "squeeze")
        for column, colour in ((1, RED), (5, GREEN), (10, BLUE)):
            assert (pixels[:, column] == colour).all()


@pytest.mark.parametrize("fit", ["crop", "pad", "squeeze"])
def test_a_square_of_the_right_size_is_not_changed(fit: Fit) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    square = make_square(Image.fromarray(pixels), 9, fit, ORANGE)
    np.testing.assert_array_equal(np.asarray(square), pixels)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_squeezing_is_what_image_size_does(mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 70, 45), dtype=np.uint8)
    if mode == "L":
        pixels = pixels[:, :1]
    image = Image.fromarray(np.moveaxis(pixels[0], 0, -1).squeeze())
    square = np.asarray(make_square(image, 16, "squeeze", ORANGE))
    expected = np.moveaxis(resize_images(pixels, 16)[0], 0, -1)
    np.testing.assert_array_equal(square, np.broadcast_to(expected, (16, 16, 3)))


@settings(max_examples=60, deadline=None)
@given(LENGTHS, LENGTHS, st.integers(1, 20), st.sampled_from(["crop", "pad", "squeeze"]))
def test_a_picture_of_one_colour_stays_so(width: int, height: int, side: int, fit: Fit) -> None:
    square = np.asarray(make_square(Image.new("RGB", (width, height), BLUE), side, fit, ORANGE))
    assert square.shape == (side, side, 3)
    is_blue, is_orange = ((square == colour).all(axis=2) for colour in (BLUE, ORANGE))
    assert (is_blue | is_orange).all() and is_blue.any()
    borders = side**2 - np.prod(fit_inside((width, height), side)) if fit == "pad" else 0
    assert is_orange.sum() == borders


@settings(max_examples=60, deadline=None)
@given(LENGTHS, LENGTHS, st.integers(1, 20))
def test_the_longer_side_fits_and_borders_are_even(width: int, height: int, side: int) -> None:
    inside = fit_inside((width, height), side)
    assert max(inside) == side and min(inside) >= 1
    square = np.asarray(make_square(Image.new("L", (width, height), 0), side, "pad", ORANGE))
    rows, columns = np.nonzero((square == 0).all(axis=2))
    for found in (rows, columns):
        before, after = found.min(), side - 1 - found.max()
        assert before <= after <= before + 1


@pytest.mark.parametrize(
    ("size", "marked"), [((9, 5), (2, 0)), ((5, 8), (0, 1)), ((6, 6), (0, 0)), ((1, 7), (0, 3))]
)
def test_cropping_without_resizing_moves_pixels_only(
    size: tuple[int, int], marked: tuple[int, int]
) -> None:
    image = Image.new("RGB", size, GREEN)
    image.putpixel(marked, RED)
    pixels = np.asarray(make_square(image, min(size), "crop", ORANGE))
    assert tuple(pixels[0, 0]) == RED and (pixels == RED).all(axis=2).sum() == 1
