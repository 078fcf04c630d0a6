"""The measurement of codes, and what the shipped S-agent of MNIST must reach."""

import csv

import numpy as np
import pytest

from benchmarks.codes import main, measure_formats, tile, to_picture


def measure(tmp_path, *options):
    """Run the program; return its figures."""
    main([*options, "--out", str(tmp_path / "codes.csv")])
    with open(tmp_path / "codes.csv", newline="", encoding="utf-8") as file:
        return {name: value for name, value in list(csv.reader(file))[1:]}


def check(figures, num):
    """Check figures of MNIST."""
    assert figures["images"] == str(num) and figures["exact"] == "True"
    assert int(figures["different codes"]) > 0.99 * num
    assert float(figures["steps that reduce the squared error"]) > 0.95
    assert abs(float(figures["stream over p_S"])) < 0.02
    sizes = {name: float(v) for name, v in figures.items() if name.startswith("bits a value")}
    ours = sizes.pop("bits a value: gcgen, one file")
    assert ours < 0.2 < min(sizes.values())


def test_codes_of_mnist(tmp_path):
    check(measure(tmp_path, "--num", "100"), 100)


@pytest.mark.slow
def test_codes_of_all_test_images(tmp_path):
    check(measure(tmp_path), 10_000)


def test_a_sheet_holds_every_image():
    images = np.arange(5 * 3 * 2 * 4, dtype=np.uint8).reshape(5, 3, 2, 4)
    sheet = tile(images)
    assert sheet.shape == (3, 2 * 2, 3 * 4)
    np.testing.assert_array_equal(sheet[:, 2:4, 4:8], images[4])


@pytest.mark.parametrize(("top", "channels"), [(1, 1), (255, 1), (255, 3)])
def test_formats_store_images_exactly(top, channels):
    images = np.random.default_rng(0).integers(top + 1, size=(3, channels, 8, 8)).astype(np.uint8)
    picture = to_picture(images[0], top)
    assert picture.mode == ("1" if top == 1 else {1: "L", 3: "RGB"}[channels])
    pixels = np.asarray(picture.convert("RGB"))[..., :channels] // (255 // top)
    np.testing.assert_array_equal(pixels, np.moveaxis(images[0], 0, -1))
    sizes = measure_formats(images, top)
    assert all(size > 0 for size in sizes.values())
