"""`gcgen benchmark`: compare reinforcement-learning algorithms on the environments."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markdown import Markdown
from tqdm import tqdm

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.figures import draw_figures
from agents.benchmark.launchers import LAUNCHERS
from agents.benchmark.report import write_report
from agents.benchmark.results import Table, read_outcomes, write_results
from agents.benchmark.study import Run, check_weights, plan
from agents.cli.checks import check_at_least


@dataclass(frozen=True)
class Benchmark:
    """Train every algorithm with every seed, and write tables and figures; a stopped one goes on.

    Each run leaves an immutable folder under OUT/runs; runs that are complete are not repeated.
    """

    envs: tuple[str, ...] = ("GCGen-Digits-v0",)
    """Ids of environments with a shipped S-agent, which makes each a fixed task."""
    algos: tuple[str, ...] = ("*",)
    """Names or patterns, such as "*ppo*": all that the report is to show; "list" prints them."""
    seeds: int = 5
    """Seeds of each algorithm: 0, 1, ..."""
    timesteps: int = 20_000
    """Decisions that each learns from."""
    episodes: int = 256
    """Episodes of an evaluation, on test images."""
    evaluations: int = 10
    """Points of a learning curve before the last."""
    nucleus: float = 0.9
    """Prior mass of the valid proposals; below 1 there are masks to respect."""
    launcher: Literal["local", "submitit", "ray"] = "local"
    """Where runs are executed; the latter two need `pip install -e '.[submitit]'` or ray."""
    jobs: int | None = None
    """Runs at a time; as many as there are cores if left out."""
    out: Path = Path("runs/bench")
    """Folder of the study."""
    retry_failed: bool = False
    """Execute runs again that failed before."""

    def run(self) -> int:
        """Run the command; returns its exit code."""
        if self.algos == ("list",):
            print("\n".join(CONTESTANTS))
            return 0
        if not self.envs:
            raise ValueError("--envs names no environment")
        if find_spec("matplotlib") is None:
            raise ValueError("the figures need matplotlib: pip install -e '.[bench]'")
        for name in ("seeds", "timesteps", "episodes", "evaluations", "jobs"):
            value = getattr(self, name)
            if value is not None:
                check_at_least(name, value, 1)
        runs = plan(
            self.envs,
            choose(self.algos),
            self.seeds,
            self.timesteps,
            episodes=self.episodes,
            evaluations=self.evaluations,
            nucleus=self.nucleus,
        )
        for env in self.envs:
            check_weights(self.out, env)
        errors = self._execute(runs)
        return self._report(runs, errors)

    def _report(self, runs: list[Run], errors: dict[Run, str]) -> int:
        """Write tables, figures and the report; returns the exit code."""
        outcomes = read_outcomes(runs, self.out)
        failures = [(run, why) for run in runs if (why := run.failure(self.out)) is not None]
        known = {outcome.run for outcome in outcomes} | {run for run, _ in failures}
        unfinished = [(run, why) for run, why in errors.items() if run not in known]
        if not outcomes:
            print(f"gcgen: every run failed: {(failures + unfinished)[0][1]}", file=sys.stderr)
            return 1
        table = Table(outcomes)
        write_results(self.out, outcomes)
        write_report(self.out, table, draw_figures(self.out, table), failures, unfinished)
        summary = (self.out / "report.md").read_text().split("\n## ")[0]
        Console().print(Markdown(summary))
        print(f"wrote {self.out / 'report.md'}, results.csv, results.json, timings.json, figures")
        return 0 if len(outcomes) == len(runs) else 1

    def _execute(self, runs: list[Run]) -> dict[Run, str]:
        """Execute the runs that are missing; return those that failed now, and why."""
        missing = [run for run in runs if not run.is_complete(self.out)]
        if not self.retry_failed:
            missing = [run for run in missing if run.failure(self.out) is None]
        errors: dict[Run, str] = {}
        if not missing:
            return errors
        launch, jobs = LAUNCHERS[self.launcher], self.jobs or os.cpu_count() or 1
        with tqdm(total=len(runs), initial=len(runs) - len(missing), unit="run") as bar:
            for run, error in launch(missing, self.out, jobs):
                bar.update()
                name = f"{run.contestant}, {run.env}, seed {run.seed}"
                bar.set_postfix_str(name)
                if error is not None:
                    errors[run] = error
                    bar.write(f"failed: {name}: {error}", file=sys.stderr)
        return errors


def choose(patterns: tuple[str, ...]) -> list[str]:
    """Return the names of the contestants that match any pattern.

    Raises:
        ValueError: If a pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in CONTESTANTS):
            raise ValueError(
                f"no algorithm is called {pattern!r}; there are: {', '.join(CONTESTANTS)}"
            )
    return [n for n in CONTESTANTS if any(fnmatch(n, pattern) for pattern in patterns)]
