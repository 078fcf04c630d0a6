import numpy as np
import pytest
from PIL import Image

from agents.cli.main import main
from agents.cli.models import read_images


def test_the_test_split(finished, tmp_path):
    out = tmp_path / "picture.png"
    words = ["reconstruct", "--model", str(finished.folder.model), "--num", "8"]
    assert main([*words, "--out", str(out)]) == 0
    with Image.open(out) as image:
        assert image.size == (116 + 8 * 84 + 4, 2 * 84 + 4)


def test_searching_draws_another_picture(finished, tmp_path):
    for search in ("none", "beam"):
        words = ["reconstruct", "--model", str(finished.folder.model), "--num", "8"]
        assert main([*words, "--search", search, "--out", str(tmp_path / f"{search}.png")]) == 0
    pictures = [(tmp_path / f"{search}.png").read_bytes() for search in ("none", "beam")]
    assert pictures[0] != pictures[1]


@pytest.mark.parametrize("name", ["images.npy", "images.npz", "folder"])
def test_images_of_the_user_are_resized(finished, tmp_path, capsys, name):
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 20), dtype=np.uint8)
    source = tmp_path / name
    if name == "folder":
        source.mkdir()
        for index, image in enumerate(images):
            Image.fromarray(image).save(source / f"{index}.png")
    elif name == "images.npz":
        np.savez(source, images=images)
    else:
        np.save(source, images)
    words = ["reconstruct", "--model", str(finished.folder.model), "--images", str(source)]
    assert main([*words, "--out", str(tmp_path / "picture.png")]) == 0
    assert "wrote 3 goals" in capsys.readouterr().out
    with Image.open(tmp_path / "picture.png") as image:
        assert image.size == (116 + 3 * 84 + 4, 2 * 84 + 4)


@pytest.mark.parametrize("count", [19, 20, 45])  # below 20 images a set is not split
def test_all_images_are_read_in_their_order(tmp_path, count):
    images = np.repeat(np.arange(count, dtype=np.uint8), 64).reshape(count, 8, 8)
    np.save(tmp_path / "images.npy", images)
    for num in (count, 18):
        read = read_images(tmp_path / "images.npy", (1, 8, 8), num)
        np.testing.assert_allclose(read[:, 0, 0, 0] * 255, np.arange(num), atol=1e-4)


def test_an_archive_with_its_own_splits(tmp_path):
    splits = {name: np.full((2, 8, 8), i, np.uint8) for i, name in enumerate("abc")}
    names = dict(zip(("train", "validation", "test"), splits.values(), strict=True))
    np.savez(tmp_path / "images.npz", **{**names, "train": np.zeros((20, 8, 8), np.uint8)})
    assert len(read_images(tmp_path / "images.npz", (1, 8, 8), 100)) == 24


def test_errors(fails, finished, tmp_path):
    command = ("reconstruct", "--model", finished.folder.model)
    assert "--num must be at least 1" in fails(*command, "--num", 0)
    assert "--out must end in .png" in fails(*command, "--out", "picture.gif")
    assert "unknown data set" in fails(*command, "--images", tmp_path / "none.npy")
    np.save(tmp_path / "colour.npy", np.zeros((2, 8, 8, 3), np.uint8))
    assert "images must have shape" in fails(*command, "--images", tmp_path / "colour.npy")
    np.save(tmp_path / "text.npy", np.array([["a"]]))
    assert "text.npy: expected integers, floats or bool" in fails(
        *command, "--images", tmp_path / "text.npy"
    )
    s_agent = finished.folder.s_agent
    assert "needs the GC-agent too" in fails("reconstruct", "--model", s_agent)
