"""Plans, executes and reports the trials of `gcgen tune`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from agents.benchmark.contestants import select_contestants
from agents.benchmark.hyperparameters import read_hyperparameters
from agents.benchmark.launchers import LAUNCHERS, import_launcher
from agents.benchmark.references import find_references
from agents.benchmark.results import markdown
from agents.benchmark.sampler import import_optuna
from agents.benchmark.tuning import Protocol, Search, tune
from agents.benchmark.tuning_file import find_file, update
from agents.cli.checks import RunsFailed


def plan(
    patterns: Sequence[str], protocol: Protocol, out: Path, launcher: str = "local"
) -> list[Search]:
    """Check that the trials can be executed; return the contestants.

    A contestant that cannot be tuned is left out if only a pattern names it.

    Raises:
        ValueError: If an option is invalid, no contestant can be tuned, a package is missing, or
            the file of an earlier tuning is damaged.
    """
    import_optuna()
    if launcher != "local":
        import_launcher(launcher)
    if protocol.seed + protocol.trials > 2**32:  # the generators of NumPy take no more
        raise ValueError(f"--seed must be below 2**32 by --trials, got {protocol.seed}")
    if not protocol.envs:
        raise ValueError("--envs names no environment")
    for env in protocol.envs:
        find_references(env)  # raises if the id is unknown
    searches, why = [], "--algos names no algorithm"
    for contestant in select_contestants(patterns):
        try:
            searches.append(Search(contestant, protocol))
        except ValueError as error:
            why = str(error)
            if contestant.name in patterns:
                raise
            print(f"left out: {why}", file=sys.stderr)
    if not searches:
        raise ValueError(why)
    read_hyperparameters(find_file(out))  # now, not after the first trial
    return searches


def execute(searches: Sequence[Search], out: Path, launcher: str, jobs: int | None) -> int:
    """Execute the trials, write the best settings after each, and print them; return the exit code.

    Raises:
        RunsFailed: If no trial of any contestant has ended.
    """
    out.mkdir(parents=True, exist_ok=True)
    stopped: list[str] = []
    for search, why in tune(searches, out, LAUNCHERS[launcher], jobs or os.cpu_count() or 1):
        if why is not None:
            stopped.append(f"{search.contestant.name}: {why}")
            print(f"failed: {stopped[-1]}", file=sys.stderr)
        else:
            update(search, out)
            print(describe_last(search), file=sys.stderr, flush=True)
    tuned = [search for search in searches if search.trials]
    if not tuned:
        raise RunsFailed(stopped[0])
    Console().print(Markdown("\n".join(tabulate(tuned))))
    print(f"wrote {find_file(out)}")
    return 1 if stopped else 0


def describe_last(search: Search) -> str:
    """Return a line about the last trial."""
    last, name = search.trials[-1], search.contestant.name
    score = f"failed: {last.error}" if last.score is None else f"score {last.score:.3f}"
    count = f"{len(search.trials)} of {search.protocol.trials} trials"
    return f"{name}, {count}: {score}, best {search.best.score:.3f}"


def tabulate(searches: Sequence[Search]) -> list[str]:
    """Return a table of the scores before and after, and of what has changed."""
    rows = []
    for search in searches:
        best = search.best
        changed = ", ".join(f"{name}={value}" for name, value in best.settings.items())
        scores = (f"{search.trials[0].score:.3f}", f"{best.score:.3f}")
        rows.append((search.contestant.name, *scores, changed or "none"))
    return markdown(("algorithm", "trial 0", "best trial", "new settings"), rows)
