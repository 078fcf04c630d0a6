"""`gcgen tune`: choose the hyperparameters of algorithms, with equal budgets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.cli.checks import check_at_least, check_seed, reading_input


@dataclass(frozen=True)
class Tune:
    """Choose the hyperparameters of algorithms by as many trials of each.

    Trial 0 has the present hyperparameters, Optuna draws the others. The score of a trial is the
    mean over the tasks, on goals of the validation images. The best settings are written to
    OUT/hyperparameters.json after every trial; copy it to agents/benchmark/hyperparameters.json,
    and `gcgen benchmark` uses them. An interrupted tuning resumes: complete runs are not repeated,
    and more --trials add to those that are there.
    """

    algos: tuple[str, ...] = ("*",)
    """Names of algorithms, patterns such as "*ppo*", or your own class as my_module:MyAgent, which
    names its ranges in `search_space`."""
    envs: tuple[str, ...] = ("GCGen-DigitsAtoms16-v0", "GCGen-PlaneFineToCoarse-v0")
    """Ids of the tasks; one setting is chosen for all of them."""
    trials: int = 10
    """Number of trials of each algorithm, with trial 0."""
    timesteps: int = 50_000
    """Number of decisions of each training."""
    episodes: int = 256
    """Number of episodes of an evaluation, on validation images."""
    seed: int = 1000
    """Seed of the trainings and of the trials; a benchmark has the seeds 0, 1, ..."""
    jobs: int | None = None
    """Number of trainings at a time; by default the number of cores."""
    launcher: Literal["local", "submitit", "ray"] = "local"
    """Where to train; the last two need `pip install -e '.[submitit]'` or '.[ray]'."""
    out: Path = Path("runs/tune")
    """Folder of the trials."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.benchmark.tuning import Protocol
        from agents.cli import tuning_run

        counts = ("trials", "timesteps", "episodes", "jobs")
        with reading_input():
            check_at_least(1, **{name: getattr(self, name) for name in counts})
            check_seed(self.seed)
            protocol = Protocol(self.envs, self.trials, self.timesteps, self.seed, self.episodes)
            searches = tuning_run.plan(self.algos, protocol, self.out, self.launcher)
        return tuning_run.execute(searches, self.out, self.launcher, self.jobs)
