import numpy as np
import pytest
from PIL import Image

from agents import GCGen
from agents.cli.main import main
from agents.guidance.sampler import GuidedSampler
from agents.guidance.scorers.own_class import OwnClass
from gcgen_env.datasets import load_dataset
from gcgen_env.model.pretrained import pretrained_path

FAST = ("--num", "3", "--particles", "2")


@pytest.fixture
def files(tmp_path):
    """A digit, its mask, a small one, and a mask of another size."""
    digit = load_dataset("digits", "test").take([0])[0, 0]  # (8, 8)
    lower = np.indices((8, 8))[0] >= 4
    pictures = {
        "digit": digit * 255,
        "mask": lower * 255,
        "small": digit.reshape(4, 2, 4, 2).mean((1, 3)) * 255,
        "wrong": np.zeros((5, 8)),
        "odd": np.zeros((3, 3)),
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in pictures}


def guide(out, *options: object) -> None:
    words = ["guide", "--model", pretrained_path("digits"), "--out", out, *FAST, *options]
    assert main([str(word) for word in words]) == 0


def test_hidden_pixels_are_filled_in(files, tmp_path, capsys):
    options = ("--inpaint", files["digit"], "--mask", files["mask"])
    guide(tmp_path / "a.npy", *options)
    output = capsys.readouterr().out
    guide(tmp_path / "b.npy", *options)
    guide(tmp_path / "c.npy", *options, "--scale", "0")
    a, b, c = (np.load(tmp_path / f"{name}.npy") for name in "abc")
    digit = load_dataset("digits", "test").take([0])
    assert a.shape == (3, 1, 8, 8)
    np.testing.assert_array_equal(a, b)
    assert np.square(a - digit)[..., :4, :].mean() < 0.5 * np.square(c - digit)[..., :4, :].mean()
    assert "wrote 3 answers to" in output
    assert "images scored by 1 VisiblePixels(50% hidden)" in output


@pytest.mark.parametrize(
    ("option", "name", "given"),
    [("--superresolve", "small", 1), ("--variations", "digit", 1), ("--strokes", "digit", 1)],
)
def test_a_picture_shows_what_is_given_and_the_answers(option, name, given, files, tmp_path):
    guide(tmp_path / "out.png", option, files[name])
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == ((3 + given) * 84 + 4, 84 + 4 + 22)


def test_typical_answers_are_kept(files, tmp_path, capsys):
    options = ("--inpaint", files["digit"], "--mask", files["mask"])
    guide(tmp_path / "all.npy", *options, "--num", "6")
    guide(tmp_path / "two.npy", *options, "--num", "2", "--candidates", "6")
    drawn, kept = (np.load(tmp_path / f"{name}.npy") for name in ("all", "two"))
    nearest = np.square(drawn - drawn.mean(0)).sum((1, 2, 3)).argsort()[:2]
    np.testing.assert_array_equal(kept, drawn[nearest])
    assert "wrote 2 answers to" in capsys.readouterr().out


def test_a_conditional_model_draws_its_own_class(tmp_path, capsys):
    sizes = {"s_agent_kwargs": {"width": 8, "depth": 1}, "n_envs": 8, "batch_size": 8, "seed": 0}
    model = GCGen("GCPolicy", "GCGen-Digits-v0", condition="label", **sizes).learn(8 * 8)
    model.save(tmp_path / "model.gcgen")
    words = ["guide", "--model", tmp_path / "model.gcgen", "--class", "7"]
    assert main([str(word) for word in [*words, "--out", tmp_path / "a.npy", *FAST]]) == 0
    found = model.sample(3, guidance=OwnClass(7), num_particles=2, seed=0, label=7)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), found.images)
    assert "draws this class by itself: nothing had to be scored" in capsys.readouterr().out


def test_wishes_add_up(files, tmp_path, capsys):
    options = ["--inpaint", files["digit"], "--mask", files["mask"], "--variations", files["digit"]]
    guide(tmp_path / "out.npy", *options)
    assert "1 VisiblePixels(50% hidden) + 0.1 Nearest(shape=(1, 8, 8))" in capsys.readouterr().out


def test_a_class_is_drawn_and_judged(tmp_path, capsys):
    words = ["guide", "--model", str(pretrained_path("mnist")), "--out", str(tmp_path / "7.png")]
    assert main([*words, "--class", "7", "--num", "4", "--particles", "1", "--scale", "2"]) == 0
    output = capsys.readouterr().out
    assert "images scored by 2 ClassScore(7, Classifier(10 classes, sha256=" in output
    assert "a classifier that has not guided reads 4 of 4 as 7" in output


def test_a_trained_model_can_be_guided(finished, files, tmp_path):
    words = ["guide", "--model", finished.folder.model, "--out", tmp_path / "out.png", *FAST]
    assert main([*map(str, words), "--variations", str(files["digit"])]) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "nothing is wished for: give --class, --inpaint with --mask"),
        (["--inpaint", "digit"], "--inpaint and --mask belong together"),
        (["--inpaint", "digit", "--mask", "wrong"], "as large as --inpaint, 8 x 8 pixels, got 8"),
        (["--inpaint", "digit", "--mask", "digit", "--num", "0"], "--num must be at least 1"),
        (["--variations", "digit", "--candidates", "2"], "--candidates must be at least --num"),
        (["--superresolve", "odd"], "a height and width that divide theirs, (1, 8, 8)"),
        (["--class", "12"], "the class must be an integer of 0 to 9, got 12"),
        (["--class", "7"], "--class needs a model of MNIST's digits"),
        (["--variations", "digit", "--scale", "nan"], "--scale must be a finite number"),
        (["--variations", "digit", "--nucleus", "2"], "--nucleus must lie in (0, 1], got 2"),
        (["--variations", "digit", "--out", "digit"], "--out would replace"),
        (["--variations", "missing.png"], "missing.png: not a readable image"),
    ],
)
def test_a_bad_value_is_one_sentence(options, words, fails, files):
    options = [str(files.get(word, word)) for word in options]
    assert words in fails("guide", "--model", pretrained_path("digits"), *options)


def test_ctrl_c_keeps_the_answers_that_are_complete(files, tmp_path, capsys, monkeypatch):
    run, calls = GuidedSampler.run, []

    def interrupted(self, draws):
        calls.append(draws)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(self, draws)

    monkeypatch.setattr(GuidedSampler, "run", interrupted)
    words = ["guide", "--model", pretrained_path("digits"), "--out", tmp_path / "out.npy"]
    words += ["--variations", files["digit"], "--particles", "64", "--num", "5"]  # one at a time
    assert main([str(word) for word in words]) == 130
    assert "interrupted: kept 2 answers" in capsys.readouterr().err
    assert np.load(tmp_path / "out.npy").shape == (2, 1, 8, 8)
