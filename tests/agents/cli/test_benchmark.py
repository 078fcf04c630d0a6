"""`gcgen benchmark`: runs, resumes, reports, and names mistakes."""

import json
import sys

import pytest

from agents.benchmark import launchers
from agents.benchmark.execution import execute
from agents.benchmark.report import REPEAT
from agents.cli.main import main

SMALL = [
    "--envs", "GCGen-Digits-v0", "--tracks", "previews", "--timesteps", "64", "--episodes", "8",
    "--evaluations", "2",
]  # fmt: skip


@pytest.fixture
def executed(monkeypatch):
    """Execute in this process, and record what was executed."""
    names = []

    def launch(runs, out, jobs):
        for run in runs:
            names.append(run.contestant)
            yield run, execute(run, out)

    monkeypatch.setitem(launchers.LAUNCHERS, "local", launch)
    return names


def test_tables_and_figures(tmp_path, capsys, executed):
    out = ["--out", str(tmp_path), "--seeds", "1"]
    assert main(["benchmark", *SMALL, *out, "--algos", "random", "greedy", "a2c"]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "runs", "results.csv", "results.json", "timings.json", "report.md",
        "scores_previews.png", "images_previews_GCGen-Digits-v0.png",
    }  # fmt: skip
    assert "greedy" in capsys.readouterr().out
    assert executed == ["random", "greedy", "a2c"]
    assert main(["benchmark", *SMALL, *out, "--algos", "random", "greedy", "a2c*"]) == 0
    assert executed[3:] == ["a2c+proposals"]  # the others are not repeated
    assert len(json.loads((tmp_path / "results.json").read_text())["runs"]) == 4


def test_failed_runs_are_reported_and_repeated_on_request(tmp_path, capsys, executed, monkeypatch):
    command = ["benchmark", *SMALL, "--out", str(tmp_path), "--seeds", "1"]
    command += ["--algos", "greedy", "a2c"]
    with monkeypatch.context() as patch:
        patch.setattr("psutil.virtual_memory", lambda: type("M", (), {"total": 10**6}))
        assert main(command) == 1
    assert "failed: a2c, GCGen-Digits-v0, previews, seed 0: MemoryError" in capsys.readouterr().err
    assert "Failed runs (not counted)" in (tmp_path / "report.md").read_text()
    assert main(command) == 1
    assert executed == ["greedy", "a2c"]
    assert main([*command, "--retry-failed"]) == 0
    assert executed == ["greedy", "a2c", "a2c"]
    assert "Failed" not in (tmp_path / "report.md").read_text()


def test_lost_runs_are_reported_and_executed_again(tmp_path, capsys, monkeypatch):
    def lose(runs, out, jobs):
        for run in runs:
            lost = run.contestant == "random"
            yield run, launchers.LOST if lost else execute(run, out)

    command = ["benchmark", *SMALL, "--out", str(tmp_path), "--seeds", "1", "--algos", "random"]
    with monkeypatch.context() as patch:
        patch.setitem(launchers.LAUNCHERS, "local", lose)
        assert main(command) == 1
        assert f"every run failed: {launchers.LOST}" in capsys.readouterr().err
        assert main([*command, "greedy"]) == 1
    report = (tmp_path / "report.md").read_text()
    assert "## Unfinished runs (not counted)" in report
    assert f"- random, GCGen-Digits-v0, previews, seed 0: {launchers.LOST}" in report
    assert main([*command, "greedy"]) == 0
    assert "Unfinished" not in (tmp_path / "report.md").read_text()


def test_earlier_results_are_checked_before_anything_is_executed(tmp_path, capsys, executed):
    command = ["benchmark", *SMALL, "--out", str(tmp_path), "--seeds", "1", "--algos"]
    assert main([*command, "greedy"]) == 0
    (path,) = tmp_path.glob("runs/*/*/greedy-*/result.json")
    document = json.loads(path.read_text())
    document["run"]["task"]["weights"] = "0" * 12
    path.write_text(json.dumps(document))
    assert main([*command, "random"]) == 2
    assert (
        "was made with another task: weights of GCGen-Digits-v0 changed" in capsys.readouterr().err
    )
    assert executed == ["greedy"]


@pytest.mark.parametrize("name", ["result.json", "timing.json", "images.safetensors"])
def test_a_damaged_run_is_named_and_the_others_stand(tmp_path, capsys, executed, name, monkeypatch):
    if name != "images.safetensors":  # drawing takes long
        monkeypatch.setattr("agents.cli.study_run.draw_figures", lambda *_: [])
    command = ["benchmark", *SMALL, "--out", str(tmp_path), "--seeds", "1", "--algos"]
    assert main([*command, "greedy", "random", "prior"]) == 0
    (path,) = tmp_path.glob(f"runs/*/*/greedy-*/{name}")
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert main([*command, "greedy", "random", "prior"]) == 1
    captured = capsys.readouterr()
    assert (
        f"damaged: greedy, GCGen-Digits-v0, previews, seed 0: {path} is damaged: " in captured.err
    )
    assert "1 damaged" in captured.out
    report = (tmp_path / "report.md").read_text()
    assert f"## Damaged runs (not counted)\n\n{REPEAT}\n\n- greedy, GCGen-Dig" in report
    assert f"{path} is damaged: " in report
    assert len(json.loads((tmp_path / "results.json").read_text())["runs"]) == 2
    assert len(executed) == 3  # nothing is executed again unasked
    assert main([*command, "greedy"]) == 1
    assert f"every run failed: {path} is damaged" in capsys.readouterr().err
    path.write_bytes(whole)
    assert main([*command, "greedy", "random", "prior"]) == 0
    assert "amaged" not in (tmp_path / "report.md").read_text()


def test_a_damaged_failure_is_still_a_failure(tmp_path, capsys, executed, monkeypatch):
    command = ["benchmark", *SMALL, "--out", str(tmp_path), "--seeds", "1", "--algos", "a2c"]
    with monkeypatch.context() as patch:
        patch.setattr("psutil.virtual_memory", lambda: type("M", (), {"total": 10**6}))
        assert main(command) == 1
    (path,) = tmp_path.glob("runs/*/*/a2c-*/failure.json")
    for content in ("{", "[]", "{}", '{"error": '):
        path.write_text(content)
        capsys.readouterr()
        assert main(command) == 1
        assert f"every run failed: {path} is damaged: " in capsys.readouterr().err
    assert executed == ["a2c"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--algos", "sarsa"], "unknown algorithm 'sarsa'; known algorithms: random, "),
        (["--envs", "CartPole-v1"], "'CartPole-v1' is not a task of the benchmark"),
        (["--envs", "GCGen-Images-v0"], "'GCGen-Images-v0' is not a task"),
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--launcher", "ray"], "pip install -e '.[ray]'"),
    ],
)
def test_mistakes(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # not installed
    assert main(["benchmark", "--out", str(tmp_path), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_names(capsys):
    assert main(["benchmark", "--algos", "list"]) == 0
    assert {"random", "maskable_dqn+proposals", "gcgen"} <= set(capsys.readouterr().out.split())
