"""`gcgen benchmark`: compare reinforcement-learning algorithms on the environments."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markdown import Markdown
from tqdm import tqdm

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.figures import draw_figures
from agents.benchmark.launchers import LAUNCHERS, import_launcher
from agents.benchmark.report import write_report
from agents.benchmark.results import Table, read_outcomes, write_results
from agents.benchmark.study import Run, plan
from agents.cli.checks import RunsFailed, check_at_least, reading_input


@dataclass(frozen=True)
class Benchmark:
    """Train every algorithm with every seed, and write tables and figures.

    Each run has its own folder under OUT/runs. An interrupted benchmark resumes: complete runs
    are not repeated.
    """

    envs: tuple[str, ...] = ("GCGen-Digits-v0",)
    """Ids of environments with a shipped S-agent, which makes each of them a fixed task."""
    algos: tuple[str, ...] = ("*",)
    """Names of algorithms, or patterns such as "*ppo*"; "list" prints all names."""
    seeds: int = 5
    """Number of seeds of each algorithm: 0, 1, ..."""
    timesteps: int = 20_000
    """Number of decisions of each training."""
    episodes: int = 256
    """Number of episodes of an evaluation, on test images."""
    evaluations: int = 10
    """Number of evaluations during a training; one more follows it."""
    nucleus: float = 0.9
    """Prior mass of the valid proposals; below 1 some proposals are masked."""
    launcher: Literal["local", "submitit", "ray"] = "local"
    """Where to execute the runs; the last two need `pip install -e '.[submitit]'` or '.[ray]'."""
    jobs: int | None = None
    """Number of runs at a time; by default the number of cores."""
    out: Path = Path("runs/bench")
    """Folder of the study."""
    retry_failed: bool = False
    """Execute failed runs again."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        if self.algos == ("list",):
            print("\n".join(CONTESTANTS))
            return 0
        with reading_input():
            runs = self._plan()
        errors = self._execute(runs)
        outcomes, damaged = read_outcomes(runs, self.out)
        for run, reason in damaged:
            print(
                f"damaged: {run.contestant}, {run.env}, seed {run.seed}: {reason}", file=sys.stderr
            )
        failures = [(run, why) for run in runs if (why := run.failure(self.out)) is not None]
        known = {outcome.run for outcome in outcomes} | {run for run, _ in failures + damaged}
        unfinished = [(run, why) for run, why in errors.items() if run not in known]
        if not outcomes:
            raise RunsFailed(f"every run failed: {(failures + unfinished + damaged)[0][1]}")
        table = Table(outcomes, damaged)
        write_results(self.out, outcomes)
        figures = draw_figures(self.out, table)
        write_report(self.out, table, figures, failures, unfinished, damaged)
        summary = (self.out / "report.md").read_text().split("\n## ")[0]  # up to the first task
        Console().print(Markdown(summary))
        print(f"wrote {self.out / 'report.md'}, results.csv, results.json, timings.json, figures")
        if len(outcomes) == len(runs):
            return 0
        print(f"{len(runs) - len(outcomes)} of {len(runs)} runs failed: the report says why")
        return 1

    def _plan(self) -> list[Run]:
        """Check the options and list the runs.

        Raises:
            ValueError: If an option is invalid, or earlier results in the folder cannot be used.
        """
        if not self.envs:
            raise ValueError("--envs names no environment")
        if find_spec("matplotlib") is None:  # found out now, not after hours of training
            raise ValueError("the figures need matplotlib: pip install -e '.[bench]'")
        if self.launcher != "local":
            import_launcher(self.launcher)  # raises if it is not installed
        counts = ("seeds", "timesteps", "episodes", "evaluations", "jobs")
        check_at_least(1, **{name: getattr(self, name) for name in counts})
        options = {name: getattr(self, name) for name in ("episodes", "evaluations", "nucleus")}
        runs = plan(self.envs, self.algos, self.seeds, self.timesteps, **options)
        read_outcomes(runs, self.out)  # raises if a run has another S-agent
        return runs

    def _execute(self, runs: list[Run]) -> dict[Run, str]:
        """Execute the runs that are missing; return those that failed now, with their errors."""
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
