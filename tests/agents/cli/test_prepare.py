"""`gcgen prepare`: what it says, what it writes, and what it leaves alone."""

import os
import re
import shlex
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

from agents.cli.main import main
from gcgen_env import atomic_files
from gcgen_env.datasets import SPLITS, load_dataset
from tests.agents.cli.conftest import TINY


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder "my photos" of the working directory with 24 images of 20 x 16 pixels."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(24):
        path = Path("my photos", "bäume" if number % 3 else "tiere", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)).save(path)
    return tmp_path / "my photos"


def paint(path, colour="white", size=(20, 20)):
    """Write a picture of one colour."""
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def run(capsys, *words):
    """Run the command and return the lines of both streams."""
    assert main(["prepare", *map(str, words)]) == 0
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err.splitlines()


def test_the_report(folder, capsys):
    paint(folder / "bäume" / "large.png", "red", size=(90, 50))
    paint(folder / "bäume" / "copy.png", "red")
    Image.new("RGBA", (20, 16)).save(folder / "bäume" / "clear.png")
    (folder / "broken.jpg").write_text("no picture")
    (folder / "notes.txt").touch()
    lines, notes = run(capsys, "my photos")
    assert lines == [
        "images      26 different ones in my photos",
        "sizes       20x16 to 90x50, most often 20x16 (25); the median of the shorter sides is 16",
        "modes       RGB 26, RGBA 1",
        "content     colour; 1 may be transparent",
        "classes     2 sub-folders: bäume 18, tiere 8",
        "memory      38,700 bytes in full size, 19,968 bytes prepared",
        "duplicates  1 left out",
        "            bäume/large.png is bäume/copy.png",
        "not read    .txt 1",
        "broken      1 left out",
        "            broken.jpg: not a readable image, expected the content of PNG, JPEG, WEBP, "
        "GIF, BMP",
        "suggestion  16x16 pixels, A = 32, H = 10",
        "to make a data set of it:",
        "    gcgen prepare 'my photos' --size 16 --fit crop --background white "
        "--out 'my photos.npz'",
    ]
    assert notes == []
    assert os.listdir() == ["my photos"]


def test_from_a_folder_to_pictures_as_the_commands_suggest(folder, capsys):
    suggested = run(capsys, "my photos")[0][-1]
    lines, _ = run(capsys, *shlex.split(suggested)[2:])
    assert re.match(
        r"wrote my photos\.npz, 2\d,\d{3} bytes: train 15, validation 3, test 6$", lines[-3]
    )
    train = shlex.split(lines[-1])
    assert train[:2] == ["gcgen", "train"]
    assert main([*train[1:], *TINY, "--timesteps", "160", "--num-proposals", "4"]) == 0
    assert main(["sample", "--model", train[-1], "--num", "2", "--device", "cpu"]) == 0
    assert Path("samples.png").is_file()


def test_a_folder_that_looks_like_an_option_is_named_as_a_path(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "-pics" / "a.png", "#0000ff", size=(40, 20))
    suggested = shlex.split(run(capsys, "./-pics")[0][-1])
    assert suggested[2] == "./-pics" and suggested[-1] == "./-pics.npz"
    lines, _ = run(capsys, *suggested[2:])
    assert "--dataset ./-pics.npz" in lines[-1]


def test_size_fit_and_background_are_those_given(tmp_path, capsys):
    paint(tmp_path / "in" / "a.png", "#0000ff", size=(40, 20))
    options = ["--size", "12", "--fit", "pad", "--background", "#ff8800"]
    run(capsys, tmp_path / "in", *options, "--out", tmp_path / "a.npz")
    (pixels,) = np.moveaxis(load_dataset(tmp_path / "a.npz").array, 1, -1)
    assert (pixels[:3] == (255, 136, 0)).all() and (pixels[9:] == (255, 136, 0)).all()
    assert (pixels[3:9] == (0, 0, 255)).all()


@pytest.mark.parametrize(("count", "what"), [(1, "there is one"), (2, "there are only 2")])
def test_few_images_of_one_colour_each(count, what, tmp_path, capsys):
    for number in range(count):
        paint(tmp_path / "in" / f"{number}.png", (number, 0, 0), size=(5, 5))
    _, notes = run(capsys, tmp_path / "in", "--size", "6", "--out", tmp_path / "a.npz")
    assert [note.partition(":")[0] for note in notes] == ["note"] * 3
    assert notes[0].startswith(f"note: {what} image")
    assert notes[1] == "note: every image is of one colour: there are no shapes to learn"
    assert notes[2] == f"note: {count} files have a side below 6 pixels and may look coarse"
    assert {len(load_dataset(tmp_path / "a.npz", split)) for split in SPLITS} == {count}
    env = gym.make("GCGen-Images-v0", dataset=str(tmp_path / "a.npz"), num_proposals=4)
    assert np.isfinite(env.reset(seed=0)[0]["desired_goal"]).all()
    env.close()


def test_only_the_first_broken_files_are_named(folder, capsys):
    for number in range(12):
        (folder / f"{number:02}.png").touch()
    lines, _ = run(capsys, folder)
    start = lines.index("broken      12 left out")
    assert [line.split(":")[0].strip() for line in lines[start + 1 : start + 6]] == [
        f"{number:02}.png" for number in range(5)
    ]
    assert lines[start + 6].strip() == "... and 7 more"


def test_quiet_prints_the_report_alone(tmp_path, capsys):
    paint(tmp_path / "in" / "a.png")
    lines, notes = run(capsys, tmp_path / "in", "-q")
    assert lines[0].startswith("images") and notes == []


def test_mistakes_are_one_sentence(folder, fails, tmp_path):
    (tmp_path / "there.npz").write_text("mine")
    for words, message in [
        (["nowhere"], "expected a folder of images, and nowhere is missing"),
        (["there.npz"], "expected a folder of images, and there.npz is a file"),
        ([folder, "--size", "3"], "--size must be at least 4, got 3"),
        ([folder, "--max-bytes", "0"], "--max-bytes must be at least 1, got 0"),
        ([folder, "--max-bytes", "99"], "decodes to 18,432 bytes, more than the limit of 99"),
        ([folder, "--size", "40000"], "my photos: decodes to 115,200,000,000 bytes"),
        ([folder, "--background", "sky"], "--background must be an opaque colour such as white"),
        ([folder, "--background", "#00000000"], "got '#00000000'"),
        ([folder, "--out", "a.png"], "--out must end in .npz; got a.png"),
        ([folder, "--out", "there.npz"], "there.npz already exists: replace it with --overwrite"),
        ([folder, "--out", "there.npz/a.npz"], "there.npz is a file, not a folder"),
    ]:
        assert message in fails("prepare", *words)
    assert (tmp_path / "there.npz").read_text() == "mine"
    assert main(["prepare", str(folder), "--out", "there.npz", "--overwrite"]) == 0
    assert len(load_dataset(tmp_path / "there.npz", "test")) == 6


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_writing_leaves_the_old_file(error, folder, monkeypatch, capsys):
    Path("a.npz").write_text("old")

    def fail(*_):
        raise error

    monkeypatch.setattr(atomic_files.os, "fsync", fail)
    code = 130 if error is KeyboardInterrupt else 2
    assert main(["prepare", str(folder), "--out", "a.npz", "--overwrite"]) == code
    assert sorted(os.listdir()) == ["a.npz", "my photos"]
    assert Path("a.npz").read_text() == "old"


def test_progress_is_shown_on_terminals_only(folder, capsys, monkeypatch):
    assert run(capsys, folder)[1] == []
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich believe in a terminal
    assert "reading images" in "\n".join(run(capsys, folder)[1])


def test_a_folder_keeps_the_images_on_disk(folder, capsys):
    lines, _ = run(capsys, "my photos", "--out", "large")
    assert re.fullmatch(r"wrote large, [\d,]+ bytes: train 15, validation 3, test 6", lines[-3]), (
        lines
    )
    assert lines[-1].startswith("    gcgen train --env GCGen-Images-v0 --dataset large ")
    assert {path.name for path in Path("large").iterdir()} == {
        "dataset.json",
        "left_out.txt",
        *(f"{s}{e}" for s in SPLITS for e in (".npy", "_mean.npy", "_labels.npy", "_names.txt")),
    }
    run(capsys, "my photos", "--out", "small.npz")
    for split in SPLITS:
        one, other = (load_dataset(path, split) for path in ("large", "small.npz"))
        np.testing.assert_array_equal(one.take(range(len(one))), other.take(range(len(other))))
        np.testing.assert_array_equal(one.labels, other.labels)
    names = Path("large/test_names.txt").read_text().splitlines()
    np.testing.assert_array_equal(names, np.load("small.npz")["test_names"])


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("my photos", "the command reads"),
        ("my photos/inside", "the command reads"),
        (".", "the command reads"),
        ("mine", "is no such data set"),
    ],
)
def test_folders_that_would_be_lost_are_refused(out, message, folder, fails):
    Path("mine").mkdir()
    Path("mine/diary.txt").touch()
    assert message in fails("prepare", "my photos", "--out", out)
    assert Path("mine/diary.txt").exists() and folder.is_dir()


def test_a_data_set_is_replaced_only_if_asked(folder, fails):
    words = ("prepare", "my photos", "--out", "large")
    assert main(list(words)) == 0
    assert "replace it with --overwrite" in fails(*words)
    assert main([*words, "--overwrite", "--size", "8"]) == 0
    assert load_dataset("large").shape == (3, 8, 8)
    assert not list(Path().glob(".*partial"))
