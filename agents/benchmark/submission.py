"""Results of a study that may go on the leaderboard: read, and checked for contradictions."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.benchmark.contestant import LOOK_AHEADS
from agents.benchmark.contestants import CONTESTANTS, find_contestant
from agents.benchmark.references import describe_task, find_references, is_exact
from agents.benchmark.report import describe_run
from agents.benchmark.results import RECORD
from agents.benchmark.run_files import Outcome, check_figures, check_timing
from agents.benchmark.study import PROTOCOL, Run, hash_json
from agents.benchmark.tasks import EPISODES, TRACKS, find_task
from gcgen_env.atomic_files import read_json

NAME = r"[\w.:+-]{1,80}"
"""What a name may consist of: it stands in a table."""
COMMIT = r"[0-9a-f]{7,40}\+?"
"""A commit; the plus says that files were changed."""
MOST_SURPLUS = 50_000
"""Decisions by which a training may pass its number: algorithms stop at the end of a round."""
FEWEST_SEEDS = 5
"""Fewest seeds of an entry."""
RUN_FIELDS = ("env", "contestant", "seed", "timesteps", "track", "episodes", "evaluations")


def read_submission(folder: Path) -> list[Outcome]:
    """Read and check results.json and timings.json of a study.

    Args:
        folder: Folder of the study.

    Returns:
        The outcomes, without images.

    Raises:
        ValueError: If a figure is missing, contradicts another, or belongs to another task, other
            references or another protocol; the message names the run.
    """
    results, timings = (
        _read_runs(folder / name) for name in ("results.json", "timings.json")
    )  # in the same order
    if len(results) != len(timings):
        raise ValueError(f"{folder}: {len(results)} results and {len(timings)} timings")
    return [_check(folder, *pair) for pair in zip(results, timings, strict=True)]


def check_submission(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what keeps outcomes off the leaderboard, one sentence for each entry.

    Raises:
        ValueError: If a run is there twice.
    """
    groups = [(group, count_seeds(group)) for group in group_runs(outcomes)]
    return [
        f"{group[0].run.contestant} on {group[0].run.env}, {group[0].run.track}: "
        f"{num} of the {FEWEST_SEEDS} seeds 0 to {FEWEST_SEEDS - 1}"
        for group, num in groups
        if num < FEWEST_SEEDS
    ]


def count_seeds(group: Sequence[Outcome]) -> int:
    """Return how many of the seeds that an entry needs are there; nobody chooses seeds."""
    return len({o.run.seed for o in group} & set(range(FEWEST_SEEDS)))


def group_runs(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Return lists of outcomes that differ in the seed alone.

    Raises:
        ValueError: If a seed is there twice.
    """
    groups: dict[str, list[Outcome]] = {}
    for o in outcomes:
        same = {key: value for key, value in o.result["run"].items() if key != "seed"}
        group = groups.setdefault(json.dumps(same, sort_keys=True), [])
        for other in group:
            if o.run.seed == other.run.seed:
                raise ValueError(f"{o.folder}: {describe_run(o.run)} is there twice")
            if o.timing["seconds"] == other.timing["seconds"]:
                raise ValueError(f"{o.folder}: {describe_run(o.run)} is seed {other.run.seed}")
        group.append(o)
    return list(groups.values())


def _read_runs(path: Path) -> list[dict[str, Any]]:
    """Return the runs of a file."""
    try:
        runs = read_json(path)["runs"]
    except (LookupError, OSError, TypeError, ValueError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    if not isinstance(runs, list):
        raise ValueError(f"{path} is damaged: expected a list of runs")
    return runs


def _check(folder: Path, result: dict[str, Any], timing: dict[str, Any]) -> Outcome:
    """Return the outcome of one run, or raise a ValueError that names it."""
    where = f"{folder}"
    try:
        document = result["run"]
        where = f"{folder}, {document['contestant']} on {document['env']}"
        run = Run(**{name: document[name] for name in RUN_FIELDS})
        _check_run(run, document)
        if (document["protocol"], run.episodes) != (PROTOCOL, EPISODES):
            raise ValueError(f"expected protocol {PROTOCOL} and {EPISODES} episodes")
        if document["task"] != describe_task(run.env):
            raise ValueError("it was made on another task")
        if result["references"] != json.loads(json.dumps(find_references(run.env))):
            raise ValueError("it was scored with other references")
        check_figures(run, result)
        for point in result["curve"]:
            _check_point(run, point)
        _check_gain(run, result)
        check_timing(len(result["curve"]), timing)
        _check_origin(run, document, timing)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        reason = f"it lacks {error}" if isinstance(error, LookupError) else str(error)
        raise ValueError(f"{where}: {reason}") from error
    return Outcome(run, result, timing, {}, folder)


def _check_run(run: Run, document: dict[str, Any]) -> None:
    """Raise a ValueError unless the fields of a run can be meant, and are those of its name."""
    numbers = (run.seed, run.timesteps, run.episodes, run.evaluations)
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(f"expected integers as seed and numbers, got {numbers}")
    if run.track not in TRACKS:
        raise ValueError(f"unknown track {run.track!r}")
    if not isinstance(run.contestant, str) or not re.fullmatch(NAME, run.contestant):
        raise ValueError("a name has letters, digits and _ . : + only")
    if run.contestant in CONTESTANTS:
        known = json.loads(json.dumps(find_contestant(run.contestant).describe()))
        if any(document[key] != value for key, value in known.items()):
            raise ValueError("it has other hyperparameters than this library's; use another name")
        if not find_contestant(run.contestant).takes_part(run.env, run.track):
            raise ValueError(f"it does not take part in {run.track}")
    elif ":" not in run.contestant:
        raise ValueError("the name of a class is module:Class")
    if document["look_ahead"] not in LOOK_AHEADS:
        raise ValueError(f"look_ahead must be one of {LOOK_AHEADS}")


def _check_gain(run: Run, result: dict[str, Any]) -> None:
    """Raise a ValueError if episodes gain more than is possible."""
    gain, best = result["curve"][-1]["gain"], result["references"]["best"]["gain"]
    if is_exact(run.env) and gain > RECORD * best:
        raise ValueError("it gains more than the best codes, which are exact: this cannot be")


def _check_origin(run: Run, document: dict[str, Any], timing: dict[str, Any]) -> None:
    """Raise a ValueError unless durations belong to a run, and its commit looks like one."""
    if timing["folder"] != run.name_folder(hash_json(document)):
        raise ValueError(f"its durations are those of {timing['folder']}")
    commit = timing.get("commit")
    if commit is not None and not (isinstance(commit, str) and re.fullmatch(COMMIT, commit)):
        raise ValueError(f"{commit!r} is no commit")


def _check_point(run: Run, point: dict[str, Any]) -> None:
    """Raise a ValueError unless a point of a curve is possible."""
    shares = [*point["success"], point["invalid_rate"]]
    if len(shares) != len(find_task(run.env).thresholds) + 1:
        raise ValueError("expected one share of successes for each threshold")
    if not all(0 <= share <= 1 for share in shares) or point["distance"] < 0:
        raise ValueError("shares must lie in [0, 1], and distances are not negative")
    if point["success"] != sorted(point["success"]):
        raise ValueError("a larger threshold cannot have fewer successes")
    if not 0 <= point["steps"] <= 1.1 * run.timesteps + MOST_SURPLUS:
        raise ValueError(f"{point['steps']:,} decisions are more than the {run.timesteps:,} given")
