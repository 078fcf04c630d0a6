"""`gcgen dataset`: what it writes, and what it refuses before it works."""

import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from agents.cli import recording
from agents.cli.main import main
from agents.offline.episode_data import read_data

SHORT = ("--proposer", "dictionary", "--num-proposals", "4", "--horizon", "2", "--width", "4")


@pytest.fixture(autouse=True)
def needs_minari(request):
    if "missing" not in request.node.name:
        pytest.importorskip("h5py", exc_type=ImportError)
        pytest.importorskip("minari", exc_type=ImportError)


def write(out, *words):
    return main(["dataset", *SHORT, "--out", str(out), *map(str, words)])


def test_a_missing_package_is_named(fails, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "minari", None)
    message = fails("dataset", *SHORT, "--out", tmp_path / "new")
    assert "pip install -e '.[offline]'" in message
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("behaviour", ["random", "greedy", "beam", "mixed"])
def test_every_behaviour(behaviour, tmp_path, capsys):
    assert write(tmp_path, "--behaviour", behaviour, "--episodes", 9, "--sigma", 0.2) == 0
    folder = tmp_path / "gcgen" / "digits" / f"{behaviour}-v0"
    data = read_data(folder)
    assert (len(data), data.horizon, data.num_proposals) == (9, 2, 4)
    captured = capsys.readouterr()
    assert captured.out == (
        f"wrote 9 episodes to {folder}, mean return {data.reward.sum(1).mean():.2f}\n"
    )
    assert "9/9" in captured.err  # the progress bar


def test_a_folder_may_be_named_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write("datasets", "--behaviour", "random", "--episodes", 3) == 0
    assert len(read_data(Path("datasets/gcgen/digits/random-v0"))) == 3


def test_the_seed_decides(tmp_path):
    for seed in (3, 3, 4):
        write(tmp_path, "--episodes", 9, "--seed", seed, "--name", f"run-v{seed}", "--overwrite")
    write(tmp_path / "again", "--episodes", 9, "--seed", 3, "--name", "run-v3")
    one, again, other = (
        read_data(tmp_path / name) for name in ("run-v3", "again/run-v3", "run-v4")
    )
    for name, value in vars(one).items():
        assert value.tobytes() == getattr(again, name).tobytes()
    assert not np.array_equal(one.action, other.action)


def test_another_data_set_is_not_replaced(fails, tmp_path):
    write(tmp_path, "--episodes", 5, "--name", "mine-v0")
    words = ("dataset", *SHORT, "--out", tmp_path, "--name", "mine-v0", "--episodes", 7)
    assert "--overwrite" in fails(*words)
    assert len(read_data(tmp_path / "mine-v0")) == 5
    assert main([*map(str, words), "--overwrite"]) == 0
    assert len(read_data(tmp_path / "mine-v0")) == 7


def test_something_else_is_not_replaced(fails, tmp_path):
    (tmp_path / "mine-v0").mkdir()
    (tmp_path / "file").write_text("important")
    place = ("dataset", *SHORT, "--overwrite", "--name", "mine-v0", "--out")
    assert "no data set" in fails(*place, tmp_path)
    assert "is a file, not a folder" in fails(*place, tmp_path / "file")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--env", "GCGen-Letters-v0"], "unknown id"),
        (["--episodes", "0"], "--episodes must be at least 1"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--name", "beam"], "ends in a version"),
        (["--nucleus", "2"], "nucleus must be"),
        (["--proposer", "nothing"], "unknown proposer"),
    ],
)
def test_mistakes_are_found_before_the_work(words, message, fails, tmp_path):
    assert message in fails("dataset", *SHORT, "--out", tmp_path / "new", *words)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_leaves_nothing(number, monkeypatch, tmp_path, capsys):
    original = recording.collect_episodes

    def interrupted(*arguments):
        yield next(original(*arguments))
        signal.raise_signal(number)
        yield from ()

    monkeypatch.setattr(recording, "collect_episodes", interrupted)
    assert write(tmp_path / "new", "--episodes", 300) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
