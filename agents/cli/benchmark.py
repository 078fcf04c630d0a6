"""`gcgen benchmark`: compare reinforcement-learning algorithms on the environments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.cli.checks import check_at_least, reading_input


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
        from agents.cli.study_run import execute, list_algorithms, plan_runs, report

        if self.algos == ("list",):
            print("\n".join(list_algorithms()))
            return 0
        with reading_input():
            if not self.envs:
                raise ValueError("--envs names no environment")
            counts = ("seeds", "timesteps", "episodes", "evaluations", "jobs")
            check_at_least(1, **{name: getattr(self, name) for name in counts})
            runs = plan_runs(
                self.out,
                self.launcher,
                self.envs,
                self.algos,
                self.seeds,
                self.timesteps,
                episodes=self.episodes,
                evaluations=self.evaluations,
                nucleus=self.nucleus,
            )
        errors = execute(runs, self.out, self.launcher, self.jobs, self.retry_failed)
        return report(runs, self.out, errors)
