"""`gcgen compress`, `decompress` and `edit`."""

import numpy as np
import pytest
from PIL import Image

from agents import GCGen
from agents.cli.main import main


@pytest.fixture
def images(tmp_path):
    """A file of twelve binary images, 8 x 8."""
    pixels = np.random.default_rng(0).integers(2, size=(12, 8, 8)).astype(bool)
    np.save(tmp_path / "mine.npy", pixels)
    return tmp_path / "mine.npy"


def run(*words):
    assert main([str(word) for word in words]) == 0


def measure_picture(path):
    """Return width and height."""
    with Image.open(path) as picture:
        return picture.size


def test_files_of_codes_come_back(finished, images, tmp_path, capsys):
    model, out, back = finished.folder.path, tmp_path / "a.gcz", tmp_path / "back.npy"
    run("compress", images, "--model", model, "--lossless", "--out", out)
    size = out.stat().st_size
    assert f"wrote 12 images to {out}, {size:,} bytes: {8 * size / 12:.1f} bits an image" in (
        capsys.readouterr().out
    )
    run("decompress", out, "--model", finished.folder.s_agent, "--out", back)
    assert f"wrote 12 images of 8 choices to {back}" in capsys.readouterr().out
    np.testing.assert_array_equal(np.load(back)[:, 0], np.load(images))
    coarse = tmp_path / "coarse.npy"
    run("decompress", out, "--model", model, "--steps", 2, "--out", coarse)
    loaded = GCGen.load(finished.folder.model)
    codes = loaded.encode(np.load(back).astype(np.float32))
    np.testing.assert_array_equal(np.load(coarse), loaded.decode(codes[:, :2]))


def test_files_are_read_again_as_images(finished, images, tmp_path):
    model, one, two = finished.folder.path, tmp_path / "1.gcz", tmp_path / "2.gcz"
    run("compress", images, "--model", model, "--lossless", "--out", one)
    run("decompress", one, "--model", model, "--out", tmp_path / "back.npy")
    run("compress", tmp_path / "back.npy", "--model", model, "--lossless", "--out", two)
    assert one.read_bytes() == two.read_bytes()


def test_grey_images_of_the_data_set_are_binarised(finished, tmp_path):
    model, out = finished.folder.path, tmp_path / "a.gcz"
    run("compress", "--model", model, "--num", 5, "--binarize", "--lossless", "--out", out)
    run("decompress", out, "--model", model, "--out", tmp_path / "back.png")
    assert measure_picture(tmp_path / "back.png") == (5 * 84 + 4, 88)


@pytest.mark.parametrize("how", ["resample", "change", "interpolate", "begin"])
def test_edits_are_drawn(finished, images, tmp_path, how, capsys):
    out = tmp_path / "edit.png"
    words = ("edit", how, "--model", finished.folder.path, "--num", 4, "--out", out)
    run(*words)
    first = out.read_bytes()
    run(*words, "--overwrite")
    assert out.read_bytes() == first
    rows = 2 if how == "interpolate" else 7
    assert measure_picture(out)[1] == rows * 88
    run(*words, "--images", images, "--index", 3, "--overwrite")
    assert out.read_bytes() != first
    assert f"wrote {how} of image 3 to {out}" in capsys.readouterr().out


def test_errors(fails, finished, images, tmp_path):
    model, good = finished.folder.path, tmp_path / "good.gcz"
    compress = ("compress", images, "--model", model, "--out")
    assert "--out must end in .gcz" in fails(*compress, tmp_path / "a.zip")
    assert "needs the GC-agent too" in fails(
        "compress", images, "--model", finished.folder.s_agent, "--out", good
    )
    assert "lossless codes need images that are binary" in fails(
        "compress", "--model", model, "--lossless", "--out", good
    )
    run(*compress, good)
    assert "already exists" in fails(*compress, good)
    back = ("--model", model, "--out", tmp_path / "back.npy")
    bad = tmp_path / "bad.gcz"
    bad.write_bytes(good.read_bytes()[:-1])
    assert f"{bad} is truncated" in fails("decompress", bad, *back)
    bad.write_bytes(good.read_bytes()[:-1] + b"?")
    assert f"{bad} is damaged" in fails("decompress", bad, *back)
    assert f"{images} is not a file of codes" in fails("decompress", images, *back)
    missing = tmp_path / "none.gcz"
    assert fails("decompress", missing, *back) == f"gcgen: No such file or directory: '{missing}'\n"
    assert "steps must lie in [0, 8], got 9" in fails("decompress", good, *back, "--steps", 9)
    assert "more than the limit of 100" in fails("decompress", good, *back, "--max-bytes", 100)
    other = tmp_path / "other.gcgen"
    GCGen("GCPolicy", "GCGen-Digits-v0", seed=5).save(other)
    assert "pass the model that compressed it" in fails(
        "decompress", good, "--model", other, "--out", tmp_path / "back.npy"
    )
    edit = ("edit", "resample", "--model", model, "--out", tmp_path / "edit.png", "--images")
    assert "there is no image 12: there are 12" in fails(*edit, images, "--index", 12)
    assert "--num must be at least 2" in fails(*edit, images, "--num", 1)
    change = ("edit", "change", *edit[2:], images, "--num", 100)
    assert "a choice has 15 others: give --num 15 or less" in fails(*change)


def test_points_have_no_pictures_of_edits(fails, tmp_path):
    model = tmp_path / "points.gcgen"
    GCGen("GCPolicy", "GCGen-Toy2D-v0", seed=0).save(model)
    assert "this model's data are points" in fails(
        "edit", "begin", "--model", model, "--out", tmp_path / "edit.png"
    )
