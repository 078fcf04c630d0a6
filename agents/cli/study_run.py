"""Plans, executes and reports the runs of `gcgen benchmark`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from tqdm import tqdm

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.figures import draw_figures
from agents.benchmark.launchers import LAUNCHERS, import_launcher
from agents.benchmark.leaderboard import PAGE, make_entries, update_leaderboard
from agents.benchmark.references import list_differences, update_references
from agents.benchmark.report import describe_run, summarise_track, write_report
from agents.benchmark.results import (
    Table,
    list_records,
    read_outcomes,
    sort_runs,
    write_results,
)
from agents.benchmark.study import Run, find_runs, plan
from agents.benchmark.submission import check_submission, read_submission
from agents.benchmark.tasks import SUITE_IDS, TRACKS, find_task
from agents.cli.checks import RunsFailed


def list_algorithms() -> list[str]:
    """Return the names of all algorithms."""
    return list(CONTESTANTS)


def expand_ids(names: Sequence[str]) -> list[str]:
    """Return ids of tasks: those named, and those of the suite for "suite".

    Raises:
        ValueError: If no id is named.
    """
    ids = [env for name in names for env in (SUITE_IDS if name == "suite" else (name,))]
    if not ids:
        raise ValueError("--envs names no environment")
    return list(dict.fromkeys(ids))


def plan_runs(out: Path, launcher: str, *what: Any, **options: Any) -> list[Run]:
    """Check that a study can be executed and drawn, and list its runs.

    Args:
        out: Folder of the study.
        launcher: Name of the launcher.
        *what: The first arguments of `plan`: ids, algorithms, seeds, timesteps, tracks.
        **options: Its keywords.

    Raises:
        ValueError: If an option is invalid, or earlier results in the folder cannot be used.
    """
    if find_spec("matplotlib") is None:  # found out now, not after hours of training
        raise ValueError("the figures need matplotlib: pip install -e '.[bench]'")
    if launcher != "local":
        import_launcher(launcher)  # raises if it is not installed
    runs = plan(*what, **options)
    if not runs:
        raise ValueError("no algorithm that was named takes part in these tracks and tasks")
    read_outcomes(runs, out)  # raises if a task has changed
    return runs


def execute(
    runs: list[Run], out: Path, launcher: str, jobs: int | None, retry_failed: bool
) -> dict[Run, str]:
    """Execute the runs that are missing; return those that failed now, with their errors."""
    missing = [run for run in runs if not run.is_complete(out)]
    if not retry_failed:
        missing = [run for run in missing if run.failure(out) is None]
    errors: dict[Run, str] = {}
    if not missing:
        return errors
    launch, jobs = LAUNCHERS[launcher], jobs or os.cpu_count() or 1
    with tqdm(total=len(runs), initial=len(runs) - len(missing), unit="run") as bar:
        for run, error in launch(missing, out, jobs):
            bar.update()
            name = describe_run(run)
            bar.set_postfix_str(name)
            if error is not None:
                errors[run] = error
                bar.write(f"failed: {name}: {error}", file=sys.stderr)
    return errors


def add_earlier(runs: list[Run], out: Path, *what: Any, **options: Any) -> list[Run]:
    """Return these runs and what earlier calls have completed of the same tasks and tracks.

    Args:
        runs: The runs of this call.
        out: Folder of the study.
        *what: Ids, timesteps and tracks, as `find_runs` takes them.
        **options: Its keywords.
    """
    found, others = find_runs(out, *what, **options)
    if others:
        print(f"{others} results in {out} have other settings: the report leaves them out")
    return sort_runs([*runs, *found])


def report(runs: list[Run], shown: list[Run], out: Path, errors: dict[Run, str]) -> int:
    """Write the tables and figures of a study, and print its summary.

    Args:
        runs: The runs of this call.
        shown: These and earlier ones that the report holds.
        out: Folder of the study.
        errors: The runs that failed now.

    Returns:
        The exit code: 1 if a run of this call is not complete.

    Raises:
        RunsFailed: If there is no outcome at all.
    """
    outcomes, damaged = read_outcomes(shown, out)
    for run, reason in damaged:
        print(f"damaged: {describe_run(run)}: {reason}", file=sys.stderr)
    failures = [(run, why) for run in runs if (why := run.failure(out)) is not None]
    known = {outcome.run for outcome in outcomes} | {run for run, _ in failures + damaged}
    unfinished = [(run, why) for run, why in errors.items() if run not in known]
    if not outcomes:
        raise RunsFailed(f"every run failed: {(failures + unfinished + damaged)[0][1]}")
    tables = [table for track in TRACKS if (table := Table(track, outcomes, damaged)).envs]
    write_results(out, outcomes)
    figures = draw_figures(out, tables)
    write_report(out, tables, figures, failures, unfinished, damaged)
    for table in tables:
        Console().print(Markdown("\n".join(summarise_track(table))))
    for record in list_records(outcomes):
        print(f"record: {record}")
    print(f"wrote {out / 'report.md'}, results.csv, results.json, timings.json, figures")
    failed = len({*runs} - {outcome.run for outcome in outcomes})
    if failed:
        print(f"{failed} of {len(runs)} runs failed: the report says why")
    return 1 if failed else 0


def compute_references(envs: Sequence[str], out: Path) -> int:
    """Compute the references of tasks again, and compare them with those that ship.

    Returns:
        The exit code: 1 if one of them differs.

    Raises:
        ValueError: If an id is no task.
    """
    for env in envs:
        find_task(env)
    path, differ = out / "references.json", []
    out.mkdir(parents=True, exist_ok=True)
    for env in tqdm(envs, unit="task"):
        entry = update_references(env, path)
        gains = {name: each["gain"] for name, each in entry["references"].items()}
        listed = ", ".join(f"{name} {gain:.2f}" for name, gain in gains.items())
        tqdm.write(f"{env}: {listed} nats{' (exact)' if entry['exact'] else ''}")
        differ += list_differences(env, entry)
    print(f"wrote {path}")
    print("\n".join(differ) or "they agree with those that ship")
    return 1 if differ else 0


def check_results(out: Path) -> int:
    """Check the results of a study for the leaderboard; return the exit code.

    Raises:
        ValueError: If a figure contradicts another, or belongs to another task.
    """
    outcomes = read_submission(out)
    for reason in (missing := check_submission(outcomes)):
        print(reason)
    print(f"{len(outcomes)} results agree with their tasks, references and episodes")
    return 1 if missing else 0


def add_to_leaderboard(folders: Sequence[Path], out: Path) -> int:
    """Add the results of studies to the leaderboard in `out`; return the exit code.

    Raises:
        ValueError: If no study is named, or one cannot be used.
    """
    if not folders:
        raise ValueError("--submissions names no folder of a study")
    entries = make_entries([outcome for folder in folders for outcome in read_submission(folder)])
    for entry in update_leaderboard(entries, out):
        print(f"left out, as the task has changed: {entry.contestant}, {entry.env}, {entry.track}")
    print(f"wrote {out / PAGE} with {len(entries)} new entries")
    return 0
