"""`gcgen benchmark`: runs, resumes, reports, and names mistakes."""

import json
import sys

import pytest

from agents.benchmark import execution, launchers
from agents.benchmark.execution import execute
from agents.benchmark.references import find_references
from agents.benchmark.report import REPEAT
from agents.cli.main import main

SMALL = [
    "--envs", "GCGen-Digits-v0", "--tracks", "previews", "--timesteps", "64", "--episodes", "8",
    "--evaluations", "2",
]  # fmt: skip


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


@pytest.fixture
def undrawn(monkeypatch):
    """Draw no figures, which takes long."""
    monkeypatch.setattr("agents.cli.study_run.draw_figures", lambda *_: [])


def list_results(out):
    """Return contestant and seed of each run of results.json."""
    runs = json.loads((out / "results.json").read_text())["runs"]
    return [(each["run"]["contestant"], each["run"]["seed"]) for each in runs]


def test_a_call_adds_to_what_earlier_ones_have_completed(tmp_path, capsys, executed, undrawn):
    def call(out, *arguments):
        assert main(["benchmark", *SMALL, "--out", str(tmp_path / out), *arguments]) == 0
        return capsys.readouterr().out

    call("parts", "--seeds", "2", "--algos", "greedy")
    call("parts", "--seeds", "1", "--algos", "random")
    both = [("random", 0), ("greedy", 0), ("greedy", 1)]
    assert list_results(tmp_path / "parts") == both
    call("parts", "--seeds", "2", "--algos", "prior", "random")
    call("whole", "--seeds", "2", "--algos", "prior", "random", "greedy")
    files = [(tmp_path / out / "results.json").read_bytes() for out in ("parts", "whole")]
    assert files[0] == files[1]
    text = (tmp_path / "parts" / "report.md").read_text()
    assert "| random | " in text and "| greedy | " in text


def test_the_report_leaves_out_what_was_made_with_other_settings(
    tmp_path, capsys, executed, undrawn, monkeypatch
):
    command = ["benchmark", *SMALL, "--out", str(tmp_path), "--seeds", "1", "--algos"]
    assert main([*command, "greedy"]) == 0
    assert main([*command, "random", "--episodes", "9"]) == 0
    assert "1 results in " in (text := capsys.readouterr().out)
    assert "have other settings: the report leaves them out" in text
    assert list_results(tmp_path) == [("random", 0)]
    monkeypatch.setattr("agents.benchmark.study.PROTOCOL", 99)
    assert main([*command, "prior"]) == 0
    assert "2 results in " in capsys.readouterr().out
    assert list_results(tmp_path) == [("prior", 0)]


def test_records_are_named(tmp_path, capsys, executed, undrawn, monkeypatch):
    references = json.loads(json.dumps(find_references("GCGen-Digits-v0")))
    references["best"]["gain"] = 1.0  # nat
    monkeypatch.setattr(execution, "find_references", lambda env: references)
    command = ["benchmark", *SMALL, "--out", str(tmp_path), "--seeds", "1", "--algos"]
    assert main([*command, "greedy", "random"]) == 0
    assert "record: greedy, GCGen-Digits-v0, previews, seed 0: score " in capsys.readouterr().out
    report = (tmp_path / "report.md").read_text()
    assert "\n## Records\n\nThese runs beat the best known codes" in report
    assert "`gcgen benchmark references`" in report
    assert "- greedy, GCGen-Digits-v0, previews, seed 0: score " in report


def test_failed_runs_are_reported_and_repeated_on_request(
    tmp_path, capsys, executed, undrawn, monkeypatch
):
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


def test_lost_runs_are_reported_and_executed_again(tmp_path, capsys, undrawn, monkeypatch):
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


def test_earlier_results_are_checked_before_anything_is_executed(
    tmp_path, capsys, executed, undrawn
):
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
    captured = capsys.readouterr()
    assert "1 of 1 runs failed: the report says why" in captured.out
    assert len(json.loads((tmp_path / "results.json").read_text())["runs"]) == 2
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
