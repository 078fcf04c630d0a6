"""The protocol of `gcgen tune`: every algorithm has as many trials of as many decisions.

Trial 0 has the present hyperparameters. Optuna's TPE sampler draws those of every other trial from
the search space of the algorithm. A trial trains once on each task; its score is the mean over the
tasks. The goals are validation images, so that the test images of the benchmark decide nothing.
Scores are divided by the gain of the best known codes of the test images, which is close to that of
the validation images and the same for everyone. A contestant has one setting for all tasks.

A trial follows from the scores of those before it and from the seed. The folders of its runs are
therefore all that is stored: an interrupted tuning continues as if it had not been interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from agents.benchmark.contestant import Contestant
from agents.benchmark.launchers import LOST, EndedRun
from agents.benchmark.run_files import read_run
from agents.benchmark.sampler import propose
from agents.benchmark.study import Run

Launch = Callable[[Sequence[Run], Path, int], Iterator[EndedRun]]
"""Executes runs, as those of `LAUNCHERS` do."""


@dataclass(frozen=True)
class TrialRun(Run):
    """One training of a trial."""

    settings: tuple[tuple[str, Any], ...] = ()
    """Hyperparameters that differ from the present ones, by name."""

    split: ClassVar[str] = "validation"
    place: ClassVar[str] = "trials"

    def make_contestant(self) -> Contestant:
        """Return the contestant with the hyperparameters of the trial."""
        present = super().make_contestant()
        return present.configure(dict(self.settings)) if self.settings else present

    def to_json(self) -> dict[str, Any]:
        """Return everything that the results depend on."""
        return {**super().to_json(), "split": self.split}


@dataclass(frozen=True)
class Protocol:
    """What all contestants have in common."""

    envs: tuple[str, ...]
    """Ids of the tasks; a contestant is tuned on those in which it takes part."""
    trials: int
    """Number of trials of each contestant, with trial 0."""
    timesteps: int
    """Number of decisions of each training; dear ones have a smaller limit, as in a benchmark."""
    seed: int
    """Seed of the sampler and of all trainings."""
    episodes: int
    """Number of episodes of an evaluation."""


class Trial(NamedTuple):
    """A trial that has ended."""

    settings: dict[str, Any]
    """Hyperparameters that differ from the present ones."""
    score: float | None
    """Mean score over the tasks; None if a training failed."""
    error: str | None = None
    """Why it failed."""


class Search:
    """The trials of one contestant."""

    def __init__(self, contestant: Contestant, protocol: Protocol) -> None:
        """Choose the track and the tasks.

        Raises:
            ValueError: If the contestant cannot be tuned.
        """
        self.contestant = contestant
        self.protocol = protocol
        tracks = contestant.tracks
        self.track = "compact" if "compact" in tracks else tracks[0]  # the cheaper one
        self.envs = [env for env in protocol.envs if contestant.takes_part(env, self.track)]
        self.trials: list[Trial] = []
        if not contestant.learns:
            raise ValueError(f"{contestant.name!r} does not learn: there is nothing to tune")
        if not contestant.space:
            raise ValueError(f"{contestant.name!r} has no search space")
        if not self.envs:
            raise ValueError(f"{contestant.name!r} takes part in none of the tasks in --envs")

    @property
    def best(self) -> Trial:
        """The first of the trials with the largest score."""
        return max(self.trials, key=lambda trial: -np.inf if trial.score is None else trial.score)

    def plan(self) -> list[TrialRun]:
        """Return the trainings of the next trial."""
        settings = (
            tuple(self._propose().items()) if self.trials else ()
        )  # trial 0: the present ones
        protocol = self.protocol
        return [
            TrialRun(
                env,
                self.contestant.name,
                protocol.seed,
                self.contestant.limit(protocol.timesteps),
                self.track,
                protocol.episodes,
                evaluations=1,
                settings=settings,
            )
            for env in self.envs
        ]

    def _propose(self) -> dict[str, Any]:
        """Return the hyperparameters of the next trial."""
        # The sampler is made anew each time: an interrupted tuning goes on as if undisturbed.
        now = self.contestant
        known = [(now.values | each.settings, each.score) for each in self.trials]
        drawn = propose(now.space, known, self.protocol.seed + len(self.trials))
        return {name: scale(value, now.values[name]) for name, value in drawn.items()}

    def add(self, errors: Mapping[TrialRun, str | None], out: Path) -> str | None:
        """Add the next trial, of which all runs have ended, each with an error or None.

        Returns:
            Why the contestant can be tuned no further; None if it can.
        """
        failed = [error for error in errors.values() if error is not None]
        if LOST in failed:  # perhaps by accident, so it is no result
            return f"{LOST}: run the command again"
        score = None
        if not failed:
            try:
                score = float(np.mean([read_run(run, out).last["score"] for run in errors]))
            except ValueError as error:
                return f"{error}; remove the folder of this run"
        elif not self.trials:
            return failed[0]  # the present hyperparameters are at fault, or the machine
        settings = dict(next(iter(errors)).settings)
        self.trials.append(Trial(settings, score, failed[0] if failed else None))
        return None


def scale(value: Any, present: Any) -> Any:
    """Return a drawn value in the form of the present one: a pair keeps its ratio."""
    if not isinstance(present, tuple):
        return value
    first, last = present
    return value, float(f"{value * last / first:.3g}")


def tune(
    searches: Sequence[Search], out: Path, launch: Launch, jobs: int
) -> Iterator[tuple[Search, str | None]]:
    """Execute the trials: the first of all contestants, then the second of all, and so on.

    Args:
        searches: The contestants.
        out: Folder of the trials; runs in it that are complete are not repeated.
        launch: Executes runs, as those of `LAUNCHERS` do.
        jobs: Number of runs at a time.

    Yields:
        A contestant whose trial has ended, and None; or one that is tuned no further, and why.
    """
    left = list(searches)
    while left:
        planned = {search: search.plan() for search in left}
        missing = [run for runs in planned.values() for run in runs if not run.is_complete(out)]
        ended, errors = launch(missing, out, jobs), dict[Run, str | None]()
        for search, runs in planned.items():
            while any(run in missing and run not in errors for run in runs):
                run, error = next(ended)
                errors[run] = error
            why = search.add({run: errors.get(run) for run in runs}, out)
            if why is not None or len(search.trials) == search.protocol.trials:
                left.remove(search)
            yield search, why
