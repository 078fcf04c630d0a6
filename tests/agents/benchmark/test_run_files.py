"""Truncated and tampered files of a run: each is named, and no table counts the run."""

import json
import math
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from agents.benchmark.execution import execute
from agents.benchmark.report import write_report
from agents.benchmark.results import Table, read_outcomes, write_results
from agents.benchmark.run_files import read_run
from agents.benchmark.study import FAILURE, IMAGES, RESULT, TIMING, Run, plan

DIGITS, POINTS = "GCGen-Digits-v0", "GCGen-Toy2D-v0"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    runs = plan(
        [DIGITS, POINTS], ["random", "greedy"], 2, 64, ("previews",), episodes=8, evaluations=2
    )
    for run in runs:
        assert execute(run, out) is None
    return out, runs


@pytest.fixture
def copy(study, tmp_path):
    """A copy of the study that a test may damage, and its runs."""
    shutil.copytree(study[0], tmp_path / "study")
    return tmp_path / "study", study[1]


def put(keys, value):
    """Return a function that replaces one entry of a JSON document."""

    def change(document):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


def drop(*keys):
    def change(document):
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return change


TAMPERINGS = [
    (RESULT, drop("curve"), "it lacks 'curve'"),
    (RESULT, drop("run"), "it lacks 'run'"),
    (RESULT, drop("curve", 0, "score"), "it lacks 'score'"),
    (RESULT, put(["curve"], []), "a list of points"),
    (RESULT, put(["curve"], {"0": 1}), "a list of points"),
    (RESULT, put(["curve", 0], 3), "."),
    (RESULT, put(["curve", 0, "score"], "1"), "score must be a finite number, got '1'"),
    (RESULT, put(["curve", 0, "score"], True), "score must be a finite number, got True"),
    (RESULT, put(["curve", 0, "score"], 7.0), "gain and score are not those of the episodes"),
    (RESULT, put(["curve", 0, "return"], math.nan), "return must be a finite number, got nan"),
    (RESULT, put(["gain"], [1.0] * 8), "gain and score are not those of the episodes"),
    (RESULT, put(["gain"], [1.0]), "expected 8 numbers as gain"),
    (RESULT, put(["gain"], [[1.0], 2]), "."),
    (RESULT, drop("references", "best"), "it lacks 'best'"),
    (RESULT, put(["references", "best", "gain"], -1.0), "nothing to choose"),
    (RESULT, put(["references", "best", "gain"], None), "best must be a finite number, got None"),
    (RESULT, put(["references"], [1.0, 2.0]), "."),
    (RESULT, put(["curve", 0, "success"], [0.5, "1"]), r"success\[1\] must be a finite number"),
    (RESULT, put(["curve", 0, "success"], None), "."),
    (RESULT, put(["run", "seed"], 5), "it holds the results of another run"),
    (RESULT, put(["run", "episodes"], 10**12), "it holds the results of another run"),
    (TIMING, drop("machine"), "it lacks 'machine'"),
    (TIMING, drop("machine", "cores"), "it lacks 'cores'"),
    (TIMING, put(["machine"], []), "."),
    (TIMING, put(["versions"], None), "expected an object as versions"),
    (TIMING, put(["seconds"], []), "expected 1 numbers as seconds"),
    (TIMING, put(["seconds", 0], None), r"seconds\[0\] must be a finite number, got None"),
    (TIMING, put(["steps_per_second"], "fast"), "steps_per_second must be a finite number"),
    (TIMING, drop("cpu_seconds"), "it lacks 'cpu_seconds'"),
    (TIMING, put(["peak_memory_bytes"], math.inf), "peak_memory_bytes must be a finite number"),
]


@pytest.mark.parametrize(("name", "change", "message"), TAMPERINGS)
def test_tampered_json(copy, name, change, message):
    out, runs = copy
    path = runs[1].folder(out) / name
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=f"{name} is damaged: .*{message}") as caught:
        read_run(runs[1], out)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [RESULT, TIMING, IMAGES])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"9" * 5000, None]
)
def test_damaged_files_are_named_and_the_others_stand(copy, name, content, tmp_path):
    out, runs = copy
    path = runs[1].folder(out) / name
    if content is None:
        content = path.read_bytes()[:-7]
    path.write_bytes(content)
    outcomes, damaged = read_outcomes(runs, out)
    assert [outcome.run for outcome in outcomes] == [run for run in runs if run != runs[1]]
    ((run, why),) = damaged
    assert run == runs[1] and why.startswith(f"{path} is damaged: ") and "\n" not in why
    table = Table("previews", outcomes, damaged)
    write_results(out, outcomes)
    write_report(out, [table], damaged=damaged)
    report = (out / "report.md").read_text()
    assert f"- {run.contestant}, {run.env}, previews, seed {run.seed}: {why}" in report
    assert "(1), 1 damaged |" in report


@pytest.mark.parametrize("name", [TIMING, IMAGES])
def test_missing_files_are_named(copy, name):
    out, runs = copy
    (runs[0].folder(out) / name).unlink()
    assert f"{name} is damaged: " in read_outcomes(runs, out)[1][0][1]


@pytest.mark.parametrize(
    "arrays",
    [
        {"goal": np.zeros((8, 1, 8, 8), np.float32)},
        {"goal": np.zeros((8, 1, 8, 8), np.float32), "image": np.zeros((7, 1, 8, 8), np.float32)},
        {"goal": np.zeros((8, 1, 8, 8)), "image": np.zeros((8, 1, 8, 8))},
        {name: np.full((8, 1, 8, 8), np.nan, np.float32) for name in ("goal", "image")},
        {name: np.zeros((0, 1, 8, 8), np.float32) for name in ("goal", "image")},
    ],
)
def test_wrong_images(copy, arrays):
    out, runs = copy
    save_file(arrays, runs[0].folder(out) / IMAGES)
    with pytest.raises(ValueError, match=f"{IMAGES} is damaged: "):
        read_run(runs[0], out)


def test_all_runs_of_a_contestant_damaged(copy):
    out, runs = copy
    for run in runs:
        if run.contestant == "random":
            (run.folder(out) / RESULT).write_text("{}")
    outcomes, damaged = read_outcomes(runs, out)
    write_report(out, [Table("previews", outcomes, damaged)], damaged=damaged)
    assert "| random |  |  |  | 2 damaged | 2 damaged |" in (out / "report.md").read_text()


def test_damaged_failures_keep_their_runs_failed(tmp_path):
    run = Run(DIGITS, "greedy", 0, 64)
    run.folder(tmp_path).mkdir(parents=True)
    for content in ("", "[]", "{}", "null", '{"error"'):
        (run.folder(tmp_path) / FAILURE).write_text(content)
        assert f"{FAILURE} is damaged: " in run.failure(tmp_path)


def test_where_the_data_are_changes_no_run():
    task = Run(DIGITS, "greedy", 0, 64).to_json()["task"]
    assert {"max_bytes", "data_dir", "device"}.isdisjoint(task)


@pytest.mark.parametrize(
    ("early", "message"),
    [
        ({"score": 5.0}, "the score after 3 decisions is not that of the gain"),
        ({"steps": 9}, "the decisions fall along the curve"),
    ],
)
def test_early_points_agree_with_the_last_one(copy, early, message):
    out, runs = copy
    path = runs[1].folder(out) / "result.json"
    document = json.loads(path.read_text())
    last = {**document["curve"][-1], "steps": 8}
    document["curve"] = [{**last, "steps": 3, **early}, last]
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=message):
        read_run(runs[1], out)
