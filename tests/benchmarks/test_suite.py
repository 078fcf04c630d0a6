"""The pages of the suite say what the code does, and its pictures are drawn from plays."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agents.benchmark.references import find_references
from agents.benchmark.tasks import SUITE_IDS, TASKS, Task
from benchmarks.suite import __main__ as suite
from benchmarks.suite import pages, plays
from benchmarks.suite.pictures import draw_task, find_picture, list_changes, name_page
from benchmarks.suite.plays import play_references, read_rows, summarise_plays, write_rows
from benchmarks.suite.style import find_typical
from gcgen_env.datasets.locations import find_dataset
from gcgen_env.tasks import ENV_CONFIGS

PLANE, TOGGLES = "GCGen-PlaneFineToCoarse-v0", "GCGen-Toggles-v0"
MOST_BYTES = 120_000


@pytest.fixture
def narrow(monkeypatch):
    """Search with a narrow beam."""
    for env in (PLANE, TOGGLES):
        monkeypatch.setitem(TASKS, env, Task(TASKS[env].thresholds, 32))


@pytest.mark.parametrize("env", SUITE_IDS)
def test_the_page_is_what_the_command_writes(env):
    dataset = ENV_CONFIGS[env].dataset
    if dataset == "mnist" and find_dataset(dataset) is None:
        pytest.skip("MNIST is not on this machine")
    page = (pages.FOLDER / f"{name_page(env)}.md").read_text(encoding="utf-8")
    assert page == pages.draw_page(env), "run python -m benchmarks.suite.pages"


def test_every_task_has_its_page_and_the_index_names_it():
    names = {f"{name_page(env)}.md" for env in SUITE_IDS}
    assert {path.name for path in pages.FOLDER.iterdir()} == names
    index = (pages.FOLDER.parent / "suite.md").read_text(encoding="utf-8")
    assert all(f"[`{env}`](suite/{name_page(env)}.md)" in index for env in SUITE_IDS)


def test_names():
    found = [name_page(env) for env in (PLANE, "GCGen-MNISTAtoms-v0", "GCGen-DigitsAtoms16-v0")]
    assert found == ["plane-fine-to-coarse", "mnist-atoms", "digits-atoms16"]


@pytest.mark.parametrize("env", SUITE_IDS)
def test_the_table_of_plays_ends_at_the_references(env):
    for name, each in find_references(env).items():
        rows = [row for row in read_rows() if (row["env"], row["play"]) == (env, name)]
        assert [row["decisions"] for row in rows] == [str(h) for h in range(len(rows))]
        assert len(rows) == ENV_CONFIGS[env].horizon + 1
        assert float(rows[0]["gain"]) == 0
        assert float(rows[-1]["gain"]) == pytest.approx(each["gain"], abs=1e-3)
        assert float(rows[-1]["distance"]) == pytest.approx(each["distance"], abs=1e-4)


@pytest.mark.parametrize("env", SUITE_IDS)
def test_every_task_has_a_small_picture(env):
    path = find_picture(env)
    assert path.stat().st_size <= MOST_BYTES
    with Image.open(path) as picture:
        assert picture.width == 1050


def test_plays_agree_with_one_another(narrow):
    found = play_references(PLANE, 8)
    best, greedy = found["best"], found["greedy"]
    assert best.images.shape == (8, 9, 2) and best.code.shape == (8, 8)
    assert best.gain[:, -1].mean() > greedy.gain[:, -1].mean() > found["random"].gain[:, -1].mean()
    distance = np.sqrt(((best.images[:, -1] - best.goal) ** 2).mean(1))
    np.testing.assert_allclose(best.distance[:, -1], distance, atol=1e-6)
    changes = list_changes(PLANE)  # (8, 4, 2)
    ends = changes[np.arange(8), best.code].sum(1)  # of (8, 8, 2): goals, decisions
    inside = np.abs(ends).max(1) < 1
    moved = best.images[:, -1] - best.images[:, 0]
    np.testing.assert_allclose(moved[inside], ends[inside], atol=1e-5)
    rows = summarise_plays(PLANE, found)
    assert len(rows) == 5 * 9 and rows[-1]["same_choice"] == "1.0000"
    assert 0 <= find_typical(found) < 8


@pytest.mark.parametrize("env", [PLANE, TOGGLES])
def test_a_picture_is_drawn_alike_twice(env, narrow, tmp_path):
    found = play_references(env, 8)
    paths = tmp_path / "a.png", tmp_path / "b.png"
    for path in paths:
        draw_task(env, found, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size <= MOST_BYTES


def test_rows_of_other_tasks_stay(tmp_path):
    path = tmp_path / "plays.csv"
    assert read_rows(path) == []
    old, new = (dict.fromkeys(plays.FIELDS, "1") | {"env": env} for env in "ab")
    write_rows([old], path)
    write_rows([new], path)
    write_rows([new], path)
    assert [row["env"] for row in read_rows(path)] == ["a", "b"]


def test_the_command(narrow, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(suite, "play_references", lambda env: play_references(env, 8))
    monkeypatch.setattr(suite, "write_rows", lambda rows: write_rows(rows, tmp_path / "plays.csv"))
    monkeypatch.setattr(suite, "find_picture", lambda env: Path(tmp_path / "picture.png"))
    monkeypatch.setattr(suite, "write_pages", lambda: None)
    suite.main(["--envs", TOGGLES])
    assert (tmp_path / "picture.png").is_file()
    assert {row["env"] for row in read_rows(tmp_path / "plays.csv")} == {TOGGLES}
    assert TOGGLES in capsys.readouterr().out
