"""The leaderboard: results of studies that anyone has made, checked and put in one table a task."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.benchmark.references import describe_task, find_references
from agents.benchmark.results import markdown
from agents.benchmark.run_files import Outcome, check_figures, check_timing
from agents.benchmark.scores import compute_interval
from agents.benchmark.study import PROTOCOL, Run
from agents.benchmark.tasks import EPISODES, TASKS, TRACKS
from gcgen_env.atomic_files import read_json, write_bytes

FEWEST_SEEDS = 5
"""Fewest seeds of an entry."""
HEADER = (
    "algorithm", "look-ahead", "decisions", "CPU seconds", "score [95 %]", "success",
    "invalid actions", "seeds", "commit",
)  # fmt: skip
INTRODUCTION = """# Leaderboard

The best of each task first; the tracks are never ranked together. Scores: 0 is doing nothing, 1 is
the best known, see [benchmark.md](benchmark.md). Look-ahead is what an algorithm computes from the
previews besides its policy. Success is the share at the task's own threshold. An entry needs
{seeds} seeds on one task. To add one, run the benchmark, check its folder, and write the page
again with it:

    gcgen benchmark check --out runs/bench
    gcgen benchmark leaderboard --submissions runs/bench --out docs
"""
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
    """Return what keeps outcomes off the leaderboard, one sentence for each entry."""
    return [
        f"{contestant} on {env}, {track}: {len(group)} seeds, expected {FEWEST_SEEDS}"
        for (track, env, contestant), group in _group(outcomes).items()
        if len({o.run.seed for o in group}) < FEWEST_SEEDS
    ]


def write_leaderboard(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the page of all entries that have enough seeds."""
    lines = [INTRODUCTION.format(seeds=FEWEST_SEEDS).rstrip()]
    groups = {key: g for key, g in _group(outcomes).items() if len(g) >= FEWEST_SEEDS}
    for track in TRACKS:
        for env in TASKS:
            rows = [_make_row(c, g) for (t, e, c), g in groups.items() if (t, e) == (track, env)]
            if rows:
                rows.sort(key=lambda row: -row[0])
                table = markdown(HEADER, [cells for _, cells in rows])
                lines += ["", f"## {env}, {track}", "", *table]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


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
        if (document["protocol"], run.episodes) != (PROTOCOL, EPISODES):
            raise ValueError(f"expected protocol {PROTOCOL} and {EPISODES} episodes")
        if document["task"] != describe_task(run.env):
            raise ValueError("it was made on another task")
        if result["references"] != json.loads(json.dumps(find_references(run.env))):
            raise ValueError("it was scored with other references")
        check_figures(run, result)
        check_timing(len(result["curve"]), timing)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        reason = f"it lacks {error}" if isinstance(error, LookupError) else str(error)
        raise ValueError(f"{where}: {reason}") from error
    return Outcome(run, result, timing, {}, folder)


def _group(outcomes: Sequence[Outcome]) -> dict[tuple[str, str, str], list[Outcome]]:
    """Return outcomes by track, environment and contestant."""
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for o in outcomes:
        groups.setdefault((o.run.track, o.run.env, o.run.contestant), []).append(o)
    return groups


def _make_row(contestant: str, group: list[Outcome]) -> tuple[float, tuple[str, ...]]:
    """Return the mean score of an entry, and its cells."""
    scores = np.array([[o.last["score"] for o in group]])  # (1, R)
    interval = compute_interval(scores, np.mean)
    commits = sorted({str(o.timing.get("commit") or "unknown") for o in group})
    return interval.value, (
        contestant,
        group[0].result["run"]["look_ahead"],
        f"{np.mean([o.last['steps'] for o in group]):,.0f}",
        f"{np.median([o.timing['cpu_seconds'] for o in group]):,.0f}",
        f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]",
        f"{np.mean([o.last['success'][o.main_threshold] for o in group]):.2f}",
        f"{np.mean([o.last['invalid_rate'] for o in group]):.1%}",
        str(len(group)),
        ", ".join(commits),
    )
