import sys

import numpy as np
import pytest
from PIL import Image

from agents.cli.main import main
from agents.gcgen import GCGen
from gcgen_env.datasets import find_nearest, load_dataset


def sample(model, out, *options: str) -> None:
    assert main(["sample", "--model", str(model), "--out", str(out), *options]) == 0


def test_a_model_and_its_s_agent_draw_the_same(finished, tmp_path):
    for name in ("model", "s_agent"):
        sample(getattr(finished.folder, name), tmp_path / f"{name}.npy", "--num", "5")
    one, other = (np.load(tmp_path / f"{name}.npy") for name in ("model", "s_agent"))
    assert one.shape == (5, 1, 8, 8)
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, other)


def test_the_seed_decides(finished, tmp_path):
    for seed, name in (("1", "a"), ("1", "b"), ("2", "c")):
        sample(finished.folder.model, tmp_path / f"{name}.npy", "--num", "5", "--seed", seed)
    a, b, c = (np.load(tmp_path / f"{name}.npy") for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_a_nucleus_leaves_the_most_probable_proposals(finished, tmp_path):
    for kind in ("model", "s_agent"):
        for name, nucleus in (("all", "1"), ("few", "0.5"), ("one", "1e-9")):
            out = tmp_path / f"{kind}-{name}.npy"
            sample(getattr(finished.folder, kind), out, "--num", "20", "--nucleus", nucleus)
    for name in ("all", "few", "one"):
        images, same = (np.load(tmp_path / f"{kind}-{name}.npy") for kind in ("model", "s_agent"))
        np.testing.assert_array_equal(images, same)
        assert (np.ptp(images, axis=0).max() < 1e-6) == (name == "one")  # always the same path
    few = np.load(tmp_path / "model-few.npy")
    assert (few != np.load(tmp_path / "model-all.npy")).any()


def test_pixels_are_drawn_on_request(finished, tmp_path):
    sample(finished.folder.model, tmp_path / "drawn.npy", "--draw", "sample")
    assert set(np.unique(np.load(tmp_path / "drawn.npy"))) == {0.0, 1.0}


def test_a_grid(finished, tmp_path, capsys):
    sample(finished.folder.model, tmp_path / "new" / "grid.PNG", "--num", "16")
    with Image.open(tmp_path / "new" / "grid.PNG") as image:
        assert image.size == (8 * 84 + 4, 2 * 84 + 4)
    assert "wrote 16 samples" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["model", "s_agent"])
def test_a_gif_has_a_frame_for_every_state(finished, tmp_path, kind):
    sample(getattr(finished.folder, kind), tmp_path / "grid.gif", "--num", "16")
    with Image.open(tmp_path / "grid.gif") as image:
        assert image.n_frames == 9  # x_0 to x_8
        assert image.size == (8 * 84 + 4, 2 * 84 + 4)
        image.seek(0)
        first = image.info["duration"]
        image.seek(8)
        assert image.info["duration"] > 4 * first


def test_the_nearest_training_images(finished, tmp_path, capsys):
    sample(finished.folder.path, tmp_path / "near.png", "--num", "16", "--nearest")
    with Image.open(tmp_path / "near.png") as image:
        assert image.size == (116 + 8 * 84 + 4, 2 * (2 * 84 + 4 + 22) + 8)
    samples = GCGen.load(finished.folder.model).sample(16, seed=0)
    found = find_nearest(samples, load_dataset("digits", "train")).distance
    assert (
        f"wrote 16 samples above the nearest of 1,257 training images to {tmp_path / 'near.png'}: "
        f"distances {found.min():.3f} to {found.max():.3f}, mean {found.mean():.3f}"
    ) in capsys.readouterr().out


def test_an_s_agent_alone_knows_no_training_images(finished, tmp_path, fails):
    s_agent = finished.folder.s_agent
    sentence = fails("sample", "--model", s_agent, "--nearest", "--out", tmp_path / "near.png")
    assert "holds an S-agent alone, which does not know its training images" in sentence
    assert not (tmp_path / "near.png").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--num", "0"], "num must be at least 1"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--nucleus", "0"], "--nucleus must lie in (0, 1], got 0"),
        (["--nucleus", "nan"], "--nucleus must lie in (0, 1], got nan"),
        (["--out", "samples.jpg"], "--out must end in .gif, .mp4, .npy, .png; got samples.jpg"),
        (["--nearest", "--out", "samples.npy"], "--out must end in .png; got samples.npy"),
    ],
)
def test_a_bad_value_is_one_sentence(options, words, fails, finished):
    assert words in fails("sample", "--model", finished.folder.model, *options)


def test_a_film_without_its_library_is_refused_at_once(s_agent_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    out = tmp_path / "film.mp4"
    assert main(["sample", "--model", str(s_agent_file), "--out", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()
