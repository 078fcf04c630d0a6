"""`gcgen tune`: trials, the file of hyperparameters, and mistakes."""

import json
import sys
from importlib.util import find_spec

import pytest

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.hyperparameters import use_hyperparameters
from agents.cli.main import main

QUICK = "tests.agents.benchmark.tunable:Quick"
SMALL = ["--envs", "GCGen-PlaneReach-v0", "--timesteps", "512", "--episodes", "8"]


@pytest.fixture(autouse=True)
def needs_optuna(request):
    if "missing" not in request.node.name and find_spec("optuna") is None:
        pytest.skip("Optuna is not installed")


def run(out, *words):
    return main(["tune", *SMALL, "--out", str(out), *words])


def test_trials_and_their_file(tmp_path, capsys, executed):
    assert run(tmp_path, "--algos", "a2c", "--trials", "3") == 0
    captured = capsys.readouterr()
    assert captured.err.splitlines()[0].startswith("a2c, 1 of 3 trials: score ")
    assert len(captured.err.splitlines()) == 3
    assert f"wrote {tmp_path / 'hyperparameters.json'}" in captured.out
    entry = json.loads((tmp_path / "hyperparameters.json").read_text())["a2c"]
    assert (entry["trials"], entry["failed_trials"], entry["timesteps"]) == (3, 0, 512)
    assert entry["score"] >= entry["default_score"]
    assert (entry["envs"], entry["track"]) == (["GCGen-PlaneReach-v0"], "compact")
    assert (entry["seed"], entry["episodes"]) == (1000, 8)
    tuned = use_hyperparameters(CONTESTANTS["a2c"], tmp_path / "hyperparameters.json")
    for name, value in entry["settings"].items():
        assert tuned.options[name] == value
    assert run(tmp_path, "--algos", "a2c", QUICK, "--trials", "2") == 0
    assert executed == ["a2c"] * 3 + [QUICK] * 2  # what is there is not repeated
    assert "a2c, 2 of 2 trials: score " in capsys.readouterr().err
    assert run(tmp_path, "--algos", "a2c", "--trials", "3") == 0
    document = json.loads((tmp_path / "hyperparameters.json").read_text())
    assert {**document, "a2c": entry} == document and document[QUICK]["trials"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["local", "ray"])
def test_processes_give_the_same_file(launcher, tmp_path, capsys, executed, monkeypatch):
    if launcher == "ray":
        pytest.importorskip("ray", exc_type=ImportError)
    assert run(tmp_path / "here", "--algos", "a2c", "--trials", "3") == 0
    monkeypatch.undo()
    words = ("--algos", "a2c", "--trials", "3", "--jobs", "2", "--launcher", launcher)
    assert run(tmp_path / "there", *words) == 0
    texts = [(tmp_path / name / "hyperparameters.json").read_text() for name in ("here", "there")]
    assert texts[0] == texts[1]


def test_a_pattern_leaves_out_who_cannot_be_tuned(tmp_path, capsys, executed):
    assert run(tmp_path, "--algos", "a2c", "r*m", "--trials", "1") == 0
    assert "left out: 'random' does not learn" in capsys.readouterr().err
    assert executed == ["a2c"]


def test_failures_are_told_and_end_with_code_1(tmp_path, capsys, executed, monkeypatch):
    words, path = ("--trials", "1", "--algos", "dqn"), tmp_path / "hyperparameters.json"
    with monkeypatch.context() as patch:
        patch.setattr("psutil.virtual_memory", lambda: type("M", (), {"total": 10**6}))
        assert run(tmp_path, *words) == 1
        assert "gcgen: dqn: MemoryError: storing " in capsys.readouterr().err
        assert not path.exists()
        assert run(tmp_path, *words, QUICK) == 1
        assert "failed: dqn: MemoryError: storing " in capsys.readouterr().err
        assert list(json.loads(path.read_text())) == [QUICK]
    assert run(tmp_path, *words, QUICK) == 0  # tried again
    assert list(json.loads(path.read_text())) == [QUICK, "dqn"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--algos", "sarsa"], "unknown algorithm 'sarsa'; known algorithms: random, "),
        (["--algos", "a2c", "greedy"], "'greedy' does not learn: there is nothing to tune"),
        (["--algos", "maskable_dqn+proposals"], "takes part in none of the tasks in --envs"),
        (["--algos", "pri*"], "'prior' does not learn"),
        (["--algos", "examples.benchmark_agent:OftenGood"], "has no search space"),
        (["--envs", "CartPole-v1"], "'CartPole-v1' is not a task of the benchmark"),
        (["--trials", "0"], "--trials must be at least 1, got 0"),
        (["--timesteps", "0"], "--timesteps must be at least 1"),
        (["--jobs", "0"], "--jobs must be at least 1"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--seed", "5000000000"], "--seed must be below 2**32"),
    ],
)
def test_mistakes(words, message, tmp_path, capsys):
    assert run(tmp_path / "new", *words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"a2c": 1}'])
def test_a_damaged_file_is_told_before_the_work(content, tmp_path, capsys, executed):
    (tmp_path / "hyperparameters.json").write_text(content)
    assert run(tmp_path, "--algos", "a2c") == 2
    assert f"{tmp_path / 'hyperparameters.json'} is damaged" in capsys.readouterr().err
    assert executed == []


def test_a_missing_package_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert run(tmp_path / "new") == 2
    assert "gcgen tune needs Optuna: pip install -e '.[tune]'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
