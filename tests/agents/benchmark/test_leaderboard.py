"""The leaderboard: what is accepted, what is refused, and the page."""

import hashlib
import json
import shutil

import pytest

from agents.benchmark.execution import execute
from agents.benchmark.leaderboard import make_entries, read_entries, write_page
from agents.benchmark.results import read_outcomes, write_results
from agents.benchmark.study import plan
from agents.benchmark.submission import read_submission
from agents.cli.main import main

PLANE, TRACK = "GCGen-PlaneReach-v0", ("previews",)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with five seeds of two agents."""
    out = tmp_path_factory.mktemp("study")
    runs = plan([PLANE], ["random", "greedy"], 5, 64, TRACK)
    for run in runs:
        assert execute(run, out) is None
    write_results(out, read_outcomes(runs, out)[0])
    return out


def change(folder, alter):
    """Change the runs of results.json, and name the folders of their durations after them."""
    results, timings = (
        json.loads((folder / name).read_text()) for name in ("results.json", "timings.json")
    )
    alter(results["runs"], timings["runs"])
    for result, timing in zip(results["runs"], timings["runs"], strict=True):
        document = result["run"]
        text = json.dumps(document, sort_keys=True).encode()
        name = document["contestant"].replace(":", ".")
        digest = hashlib.sha256(text).hexdigest()[:12]
        timing["folder"] = f"{name}-{document['seed']}-{digest}"
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "timings.json").write_text(json.dumps(timings))


@pytest.fixture
def copy(study, tmp_path):
    """A copy of its results that a test may damage."""
    for name in ("results.json", "timings.json"):
        shutil.copyfile(study / name, tmp_path / name)
    return tmp_path


def test_a_whole_study_is_accepted_and_ranked(study, tmp_path, capsys):
    assert main(["benchmark", "check", "--out", str(study)]) == 0
    assert "10 results agree with their tasks" in capsys.readouterr().out
    options = ["--submissions", str(study), "--out", str(tmp_path)]
    assert main(["benchmark", "leaderboard", *options]) == 0
    page = (tmp_path / "leaderboard.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(("| greedy", "| random"))]
    assert f"## {PLANE}, previews" in page and ", sparse" not in page
    assert [row.split(" | ")[0] for row in rows] == ["| greedy", "| random"]
    assert (
        "| greedy | one step | 0 | 0 | 0.945 [0.945, 0.945] | 0.06 [0.06, 0.06] | 0.0% | 5 |"
        in rows[0]
    )
    lines = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| *")]
    assert lines == ["| *best*", "| *beam 16*", "| *two step*"]  # greedy and random took part


def test_records_are_named(study):
    outcomes = read_submission(study)
    assert "Records" not in write_page(make_entries(outcomes))
    for o in outcomes:
        if (o.run.contestant, o.run.seed) == ("greedy", 2):
            o.last["score"] = 1.01
    page = write_page(make_entries(outcomes))
    assert f"Records: greedy, {PLANE}, previews, seed 2: score 1.0100 after 0 decisions.\n" in page


def test_few_seeds_are_named_and_left_out(copy, tmp_path, capsys):
    for name in ("results.json", "timings.json"):
        document = json.loads((copy / name).read_text())
        document["runs"] = document["runs"][:-1]
        (copy / name).write_text(json.dumps(document))
    assert main(["benchmark", "check", "--out", str(copy)]) == 1
    assert f"on {PLANE}, previews: 4 of the 5 seeds" in capsys.readouterr().out
    assert main(["benchmark", "leaderboard", "--submissions", str(copy), "--out", str(copy)]) == 0
    assert "| greedy" not in (copy / "leaderboard.md").read_text()


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("curve", -1, "score"), 2.0, "the last gain and score are not those of the episodes"),
        (("gain", 3), 99.0, "the last gain and score are not those of the episodes"),
        (("gain", 3), None, ""),
        (("references", "best", "gain"), 1.0, "it was scored with other references"),
        (("run", "task", "sigma"), 1.0, "it was made on another task"),
        (("run", "episodes"), 8, "expected protocol 2 and 256 episodes"),
        (("run", "protocol"), 1, "expected protocol 2 and 256 episodes"),
        (("run", "env"), "CartPole-v1", ""),
        (("run", "seed"), [1], "expected integers as seed"),
        (("run", "track"), "dense", "unknown track 'dense'"),
        (("run", "contestant"), "a|b\n# c", "a name has letters, digits"),
        (("run", "options"), {"search": 3}, "other hyperparameters than this library's"),
        (("curve", -1, "success"), [7.0, 1.0, 1.0], "shares must lie in [0, 1]"),
        (("curve", -1, "success"), [1.0], "one share of successes for each threshold"),
        (("curve", -1, "success"), [0.5, 0.4, 0.6], "a larger threshold cannot have fewer"),
        (("run", "look_ahead"), "<b>|", "it has other hyperparameters"),
        (("curve", -1, "steps"), 10**9, "decisions are more than the"),
        (("run",), None, ""),
    ],
)
def test_tampered_results_are_refused(copy, capsys, keys, value, message):
    document = json.loads((copy / "results.json").read_text())
    entry = document["runs"][0]
    for key in keys[:-1]:
        entry = entry[key]
    entry[keys[-1]] = value
    (copy / "results.json").write_text(json.dumps(document))
    assert main(["benchmark", "check", "--out", str(copy)]) == 2
    error = capsys.readouterr().err
    assert message in error and str(copy) in error


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("cpu_seconds", -5.0, "durations are not negative"),
        ("seconds", [-1.0], "durations are not negative"),
        ("folder", "greedy-7-0123456789ab", "its durations are those of greedy-7"),
        ("commit", "| a", "'| a' is no commit"),
        ("commit", 7, "7 is no commit"),
    ],
)
def test_tampered_durations_are_refused(copy, capsys, key, value, message):
    document = json.loads((copy / "timings.json").read_text())
    document["runs"][0][key] = value
    (copy / "timings.json").write_text(json.dumps(document))
    assert main(["benchmark", "check", "--out", str(copy)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"contestant": "their_module:Agent", "look_ahead": "<b>"}, "look_ahead must be one of"),
        ({"contestant": "best"}, "the name of a class is module:Class"),
        ({"contestant": "gcgen_prior0"}, "it has other hyperparameters"),
    ],
)
def test_names_of_others_are_checked(copy, capsys, options, message):
    change(copy, lambda results, timings: results[0]["run"].update(options))
    assert main(["benchmark", "check", "--out", str(copy)]) == 2
    assert message in capsys.readouterr().err


def test_nobody_is_on_a_track_of_others(copy, capsys):
    def move(results, timings):
        for result in results:
            result["run"]["track"] = "compact"

    change(copy, move)
    assert main(["benchmark", "check", "--out", str(copy)]) == 2
    assert "greedy on GCGen-PlaneReach-v0: it does not take part in compact" in (
        capsys.readouterr().err
    )


def test_more_than_the_best_possible_is_refused(copy, capsys):
    def alter(results, timings):
        gain = 2 * results[0]["references"]["best"]["gain"]
        results[0]["gain"] = [gain] * 256
        results[0]["curve"][-1] |= {"gain": gain, "score": 2.0}

    change(copy, alter)
    assert main(["benchmark", "check", "--out", str(copy)]) == 2
    assert "it gains more than the best codes, which are exact" in capsys.readouterr().err


def test_nobody_chooses_seeds_or_copies_a_run(copy, capsys):
    def choose(results, timings):
        for result in results:
            result["run"]["seed"] += 100

    change(copy, choose)
    assert main(["benchmark", "check", "--out", str(copy)]) == 1
    assert "0 of the 5 seeds 0 to 4" in capsys.readouterr().out

    def repeat(results, timings):
        timings[2]["seconds"] = timings[0]["seconds"]

    change(copy, repeat)
    assert main(["benchmark", "check", "--out", str(copy)]) == 2
    assert "seed 101 is seed 100" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["results.json", "timings.json"])
def test_missing_and_damaged_files_are_named(copy, name, capsys):
    for content in ("{", "[]", '{"runs": 3}', '{"runs": []}', None):
        if content is None:
            (copy / name).unlink()
        else:
            (copy / name).write_text(content)
        assert main(["benchmark", "check", "--out", str(copy)]) == 2
        assert str(copy) in capsys.readouterr().err


def test_a_run_counts_once(study, tmp_path, capsys):
    options = ["--submissions", str(study), str(study), "--out", str(tmp_path)]
    assert main(["benchmark", "leaderboard", *options]) == 2
    assert "is there twice" in capsys.readouterr().err


def rename(folder, timesteps, source="a"):
    """Call the greedy agent a class of another person, with some numbers of decisions."""

    def alter(results, timings):
        runs = [each["run"] for each in results if each["run"]["contestant"] == "greedy"]
        for run, number in zip(runs, timesteps, strict=True):
            run |= {"contestant": "their_module:Agent", "timesteps": number}
            run["options"] = {"source": source}

    change(folder, alter)


def test_the_class_of_another_person_is_accepted(copy):
    rename(copy, [5] * 5)
    assert main(["benchmark", "check", "--out", str(copy)]) == 0
    assert main(["benchmark", "leaderboard", "--submissions", str(copy), "--out", str(copy)]) == 0
    assert "their_module:Agent" in (copy / "leaderboard.md").read_text()


def add(study, out):
    """Add the results of a study to the leaderboard in a folder."""
    return main(["benchmark", "leaderboard", "--submissions", str(study), "--out", str(out)])


def test_a_new_entry_leaves_the_others(study, copy, tmp_path, capsys):
    out = tmp_path / "docs"
    assert add(study, out) == 0
    before = (out / "leaderboard.md").read_text()
    rename(copy, [5] * 5)
    assert add(copy, out) == 0
    assert "2 new entries" in capsys.readouterr().out
    entries = read_entries(out / "leaderboard.json")
    assert [entry.contestant for entry in entries] == ["greedy", "random", "their_module:Agent"]
    assert [entry.seeds for entry in entries] == [(0, 1, 2, 3, 4)] * 3
    page = (out / "leaderboard.md").read_text()
    assert set(before.splitlines()) < set(page.splitlines())


def test_a_better_run_replaces_the_entry(study, copy, tmp_path):
    out = tmp_path / "docs"
    assert add(study, out) == 0
    document = json.loads((copy / "timings.json").read_text())
    for timing in document["runs"]:
        timing["cpu_seconds"] = 7.0
    (copy / "timings.json").write_text(json.dumps(document))
    assert add(copy, out) == 0
    seconds = [entry.cpu_seconds for entry in read_entries(out / "leaderboard.json")]
    assert seconds == [(7.0,) * 5] * 2


def test_entries_of_a_task_that_has_changed_are_left_out_and_named(study, copy, tmp_path, capsys):
    assert add(study, tmp_path) == 0
    document = json.loads((tmp_path / "leaderboard.json").read_text())
    document["entries"][0]["task"] = "another"
    document["entries"][0]["contestant"] = "old:Agent"
    (tmp_path / "leaderboard.json").write_text(json.dumps(document))
    capsys.readouterr()
    assert add(copy, tmp_path) == 0
    shown = capsys.readouterr().out
    assert f"left out, as the task has changed: old:Agent, {PLANE}, previews" in shown
    assert "old:Agent" not in (tmp_path / "leaderboard.md").read_text()


@pytest.mark.parametrize("content", ["{", "{}", '{"entries": 3}', '{"entries": [{"env": "x"}]}'])
def test_a_damaged_leaderboard_is_named_and_stays(study, tmp_path, capsys, content):
    path = tmp_path / "leaderboard.json"
    path.write_text(content)
    assert add(study, tmp_path) == 2
    assert f"{path} is damaged" in capsys.readouterr().err
    assert path.read_text() == content and not (tmp_path / "leaderboard.md").exists()


def test_one_algorithm_with_two_settings_is_refused(copy, tmp_path, capsys):
    rename(copy, [5] * 5)

    def alter(results, timings):
        of_class = [i for i, r in enumerate(results) if ":" in r["run"]["contestant"]]
        results[:] = json.loads(json.dumps([results[i] for i in of_class] * 2))
        timings[:] = json.loads(json.dumps([timings[i] for i in of_class] * 2))
        for result in results[:5]:
            result["run"]["options"] = {"gamma": 0.5}

    change(copy, alter)
    assert add(copy, tmp_path / "docs") == 2
    assert f"their_module:Agent has two settings on {PLANE}" in capsys.readouterr().err


def test_the_class_of_somebody_else_needs_another_name(study, copy, tmp_path, capsys):
    out = tmp_path / "docs"
    rename(copy, [5] * 5)
    assert add(copy, out) == 0 == add(copy, out)  # its own entries may be replaced
    before = (out / "leaderboard.json").read_text()
    rename_again = tmp_path / "other"
    rename_again.mkdir()
    for name in ("results.json", "timings.json"):
        shutil.copyfile(study / name, rename_again / name)
    rename(rename_again, [5] * 5, source="b")
    assert add(rename_again, out) == 2
    assert "the leaderboard has another their_module:Agent" in capsys.readouterr().err
    assert (out / "leaderboard.json").read_text() == before


def test_runs_of_different_lengths_are_different_entries(copy, capsys):
    rename(copy, [5, 5, 5, 9, 9])
    assert main(["benchmark", "check", "--out", str(copy)]) == 1
    shown = capsys.readouterr().out
    assert "previews: 3 of the 5 seeds" in shown and "previews: 2 of the 5 seeds" in shown


def test_a_page_needs_a_study(tmp_path, capsys):
    assert main(["benchmark", "leaderboard", "--out", str(tmp_path)]) == 2
    assert "--submissions names no folder" in capsys.readouterr().err
