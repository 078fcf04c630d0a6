"""The user's images as an array: dtypes, layouts, resizing, splits."""

import numpy as np
import pytest

from gcgen_env.datasets import SPLITS, load_dataset

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 6, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (GREY, GREY[:, None]),
        (GREY[..., None], GREY[:, None]),
        (GREY[:, None], GREY[:, None]),
        (COLOUR, COLOUR.transpose(0, 3, 1, 2)),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR.transpose(0, 3, 1, 2)),
        (GREY.astype(np.int64), GREY[:, None]),
        (GREY > 127, (GREY[:, None] > 127) * np.uint8(255)),
        (GREY[:, :3, :3], GREY[:, None, :3, :3]),
    ],
)
def test_layouts_and_integers(array: np.ndarray, expected: np.ndarray) -> None:
    dataset = load_dataset(array)
    np.testing.assert_array_equal(dataset.array, expected, strict=True)
    assert (dataset.scale, dataset.low, dataset.high) == (1 / 255, 0, 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats(dtype: type) -> None:
    array: np.ndarray = np.linspace(0, 1, 50).reshape(2, 5, 5).astype(dtype)
    dataset = load_dataset(array)
    np.testing.assert_array_equal(dataset.array[:, 0], array.astype(np.float32), strict=True)
    assert dataset.scale == 1


def test_the_callers_array_is_copied() -> None:
    array = GREY.copy()
    dataset = load_dataset(array)
    array[:] = 0
    np.testing.assert_array_equal(dataset.array[:, 0], GREY)


def test_twenty_images_are_split_and_fewer_are_not() -> None:
    array = np.arange(20, dtype=np.uint8).repeat(16).reshape(20, 4, 4)
    firsts = {split: load_dataset(array, split).array[:, 0, 0, 0].tolist() for split in SPLITS}
    assert firsts["test"] == [0, 1, 10, 11] and firsts["validation"] == [2, 12]
    assert sorted([first for part in firsts.values() for first in part]) == list(range(20))
    assert all(len(load_dataset(array[:19], split)) == 19 for split in SPLITS)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_image_size_averages_when_it_shrinks(dtype: type) -> None:
    board = (np.indices((16, 16)).sum(axis=0) % 2).astype(dtype)
    white = 255 if dtype is np.uint8 else 1
    dataset = load_dataset(board[None] * dtype(white), image_size=4)
    assert dataset.shape == (1, 4, 4) and dataset.array.dtype == dtype
    np.testing.assert_allclose(dataset.take([0]), 0.5, atol=0.05)


def test_image_size_squares_colour() -> None:
    assert load_dataset(COLOUR, image_size=9).shape == (3, 9, 9)


@pytest.mark.parametrize("image_size", [0, -3, 2.5, True, "8"])
def test_bad_image_size(image_size: object) -> None:
    with pytest.raises(ValueError, match="positive integer or None"):
        load_dataset(GREY, image_size=image_size)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (GREY[:0], ValueError, "at least one image"),
        (GREY[0], ValueError, r"expected \(N, height, width\).*got \(6, 7\)"),
        (COLOUR[0].repeat(2, axis=0), ValueError, r"one channels-last image.*array\[None\]"),
        (COLOUR.reshape(5, 3, 14, 3), ValueError, "ambiguous"),
        (GREY[:, None, :, :1], ValueError, "ambiguous"),
        (np.zeros((2, 8, 8, 4), np.uint8), ValueError, r"got \(2, 8, 8, 4\); drop alpha"),
        (GREY.astype(np.int16) - 1, ValueError, r"integers in 0\.\.255, got int16 in \[-1, "),
        (GREY.astype(np.int32) + 200, ValueError, r"integers in 0\.\.255"),
        (GREY.astype(np.float32), ValueError, r"floats in \[0, 1\].*divide by 255"),
        (np.full((1, 4, 4), -0.1), ValueError, r"floats in \[0, 1\]"),
        (np.full((1, 4, 4), np.nan), ValueError, "finite floats"),
        (np.full((1, 4, 4), np.inf), ValueError, "finite floats"),
        (GREY.astype(complex), TypeError, "got dtype complex128"),
        (GREY.astype(object), TypeError, "got dtype object"),
        (GREY.astype(str), TypeError, "got dtype <U"),
    ],
)
def test_errors(array: np.ndarray, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_dataset(array)
