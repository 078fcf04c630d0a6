"""Every picture of the pages can be drawn again."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agents import GCGen
from benchmarks.figures.__main__ import FOLDER, list_pictures, main
from benchmarks.figures.commands import COMMANDS
from benchmarks.figures.programs import write_sheet

ROOT = FOLDER.parents[1]


def test_every_picture_has_a_program():
    files = {path for path in FOLDER.rglob("*") if path.is_file()}
    names = {path.relative_to(FOLDER).as_posix().removesuffix(".png") for path in files}
    assert names == set(list_pictures(Path()))


def test_every_picture_is_shown_on_a_page():
    pages = "".join(p.read_text() for p in (ROOT / "README.md", *ROOT.glob("docs/**/*.md")))
    shown = set(re.findall(r"images/(\w[\w/-]*\.(?:png|gif|svg))", pages))
    assert set(list_pictures(Path())) <= {name.removesuffix(".png") for name in shown}


def test_a_picture_is_the_one_on_the_page(tmp_path):
    main(["--only", "digits_samples", "--out", str(tmp_path)])
    paths = tmp_path / "digits_samples.png", FOLDER / "digits_samples.png"
    found, shown = (np.asarray(Image.open(path), np.int64) for path in paths)
    assert found.shape == shown.shape
    assert np.abs(found - shown).mean() < 1  # processors round differently


def test_an_unknown_picture_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--only", "mona_lisa"])
    message = capsys.readouterr().err
    assert "no picture matches 'mona_lisa'" in message
    assert all(name in message for name in COMMANDS)


def test_the_sheet_shows_samples_above_their_neighbours(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, 6, 6, 3), dtype=np.uint8)
    splits = {"train": images[:150], "validation": images[150:170], "test": images[170:]}
    np.savez(tmp_path / "data.npz", **splits)
    env = {"dataset": str(tmp_path / "data.npz"), "num_proposals": 4, "horizon": 2}
    sizes = {"s_agent_kwargs": {"width": 8, "depth": 1}}
    write_sheet(GCGen("GCPolicy", "GCGen-Images-v0", env_kwargs=env, **sizes), tmp_path / "a.png")
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert picture.shape == (4 * 16 + 4 + 6 * 16 + 4, 12 * 16 + 4, 3)
