"""Plans, executes and reports the runs of `gcgen benchmark`."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from tqdm import tqdm

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.figures import draw_figures
from agents.benchmark.launchers import LAUNCHERS, import_launcher
from agents.benchmark.report import write_report
from agents.benchmark.results import Table, read_outcomes, write_results
from agents.benchmark.study import Run, plan
from agents.cli.checks import RunsFailed


def list_algorithms() -> list[str]:
    """Return the names of all algorithms."""
    return list(CONTESTANTS)


def plan_runs(out: Path, launcher: str, *what: Any, **options: Any) -> list[Run]:
    """Check that a study can be executed and drawn, and list its runs.

    Args:
        out: Folder of the study.
        launcher: Name of the launcher.
        *what: The first arguments of `plan`: ids, algorithms, seeds, timesteps.
        **options: Its keywords.

    Raises:
        ValueError: If an option is invalid, or earlier results in the folder cannot be used.
    """
    if find_spec("matplotlib") is None:  # found out now, not after hours of training
        raise ValueError("the figures need matplotlib: pip install -e '.[bench]'")
    if launcher != "local":
        import_launcher(launcher)  # raises if it is not installed
    runs = plan(*what, **options)
    read_outcomes(runs, out)  # raises if a run has another S-agent
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
            name = f"{run.contestant}, {run.env}, seed {run.seed}"
            bar.set_postfix_str(name)
            if error is not None:
                errors[run] = error
                bar.write(f"failed: {name}: {error}", file=sys.stderr)
    return errors


def report(runs: list[Run], out: Path, errors: dict[Run, str]) -> int:
    """Write the tables and figures of a study, and print its summary; return the exit code.

    Raises:
        RunsFailed: If there is no outcome at all.
    """
    outcomes, damaged = read_outcomes(runs, out)
    for run, reason in damaged:
        print(f"damaged: {run.contestant}, {run.env}, seed {run.seed}: {reason}", file=sys.stderr)
    failures = [(run, why) for run in runs if (why := run.failure(out)) is not None]
    known = {outcome.run for outcome in outcomes} | {run for run, _ in failures + damaged}
    unfinished = [(run, why) for run, why in errors.items() if run not in known]
    if not outcomes:
        raise RunsFailed(f"every run failed: {(failures + unfinished + damaged)[0][1]}")
    table = Table(outcomes, damaged)
    write_results(out, outcomes)
    figures = draw_figures(out, table)
    write_report(out, table, figures, failures, unfinished, damaged)
    summary = (out / "report.md").read_text().split("\n## ")[0]  # up to the first task
    Console().print(Markdown(summary))
    print(f"wrote {out / 'report.md'}, results.csv, results.json, timings.json, figures")
    if len(outcomes) == len(runs):
        return 0
    print(f"{len(runs) - len(outcomes)} of {len(runs)} runs failed: the report says why")
    return 1
