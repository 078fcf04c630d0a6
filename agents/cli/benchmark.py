"""`gcgen benchmark`: compare reinforcement-learning algorithms on the environments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from agents.cli.checks import check_at_least, reading_input


@dataclass(frozen=True)
class Benchmark:
    """Train every algorithm with every seed, and write tables and figures.

    Each run has its own folder under OUT/runs. An interrupted benchmark resumes: complete runs
    are not repeated. The report also holds what earlier calls have completed of the same tasks and
    tracks with the same numbers of decisions, episodes and evaluations. `gcgen benchmark
    references` computes what searches reach on the tasks, which is the scale of the scores, and
    compares it with the references that ship. `check` looks for mistakes in the results of OUT, and
    `leaderboard` adds the results of other folders to the leaderboard in OUT.
    """

    what: Positional[Literal["runs", "references", "check", "leaderboard"]] = "runs"
    """What to execute."""
    envs: tuple[str, ...] = ("suite",)
    """Ids of tasks; "suite" stands for all tasks that tell algorithms apart."""
    tracks: tuple[Literal["previews", "compact", "sparse"], ...] = ("previews", "compact", "sparse")
    """What agents are shown and how they are rewarded; tracks are never ranked together."""
    algos: tuple[str, ...] = ("*",)
    """Names of algorithms, patterns such as "*ppo*", or your own class as my_module:MyAgent; the
    word "list" prints all names."""
    seeds: int = 5
    """Number of seeds of each algorithm: 0, 1, ..."""
    timesteps: int = 300_000
    """Number of decisions of each training."""
    episodes: int = 256
    """Number of episodes of an evaluation, on test images."""
    evaluations: int = 10
    """Number of evaluations during a training; one more follows it."""
    launcher: Literal["local", "submitit", "ray"] = "local"
    """Where to execute the runs; the last two need `pip install -e '.[submitit]'` or '.[ray]'."""
    jobs: int | None = None
    """Number of runs at a time; by default the number of cores."""
    out: Path = Path("runs/bench")
    """Folder of the study."""
    submissions: tuple[Path, ...] = ()
    """Folders of studies whose results go on the leaderboard."""
    retry_failed: bool = False
    """Execute failed runs again."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli import study_run

        if self.algos == ("list",):
            print("\n".join(study_run.list_algorithms()))
            return 0
        with reading_input():
            envs = study_run.expand_ids(self.envs)
            if self.what == "references":
                return study_run.compute_references(envs, self.out)
            if self.what == "check":
                return study_run.check_results(self.out)
            if self.what == "leaderboard":
                return study_run.add_to_leaderboard(self.submissions, self.out)
            counts = ("seeds", "timesteps", "episodes", "evaluations", "jobs")
            check_at_least(1, **{name: getattr(self, name) for name in counts})
            what = (envs, self.algos, self.seeds, self.timesteps, self.tracks)
            options = {"episodes": self.episodes, "evaluations": self.evaluations}
            runs = study_run.plan_runs(self.out, self.launcher, *what, **options)
        errors = study_run.execute(runs, self.out, self.launcher, self.jobs, self.retry_failed)
        shown = study_run.add_earlier(runs, self.out, envs, self.timesteps, self.tracks, **options)
        return study_run.report(runs, shown, self.out, errors)
