"""One training run, from its first checkpoint to its pictures."""

from __future__ import annotations

import math
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TextIO, cast

from agents.cli.best_model import keeps_best, return_to_best, watch
from agents.cli.fitted_sigma import fit_sigma, forget_sigma, needs_sigma
from agents.cli.interrupts import EXIT_CODE, StopRequest, handle_signals
from agents.cli.models import take_split
from agents.cli.pictures import write_reconstructions, write_samples, write_trajectories
from agents.cli.run_folder import RunFolder, RunRecord
from agents.cli.tracking import send_pictures
from agents.common.patience import PatientStream, PatientWriter
from agents.gcgen import GCGen
from agents.gcgen.callbacks import BoundProgressBar, StopOnRequest, TimedCheckpoint
from agents.gcgen.validation_watch import ValidationWatch
from agents.tracking.tracker import Tracker

TEST_IMAGES = 1000
"""Largest number of test images for the bound before and after training."""
GOALS = 16
"""Number of test images whose reconstructions are drawn."""
UNLIMITED = 10**15
"""Timesteps of a run that is limited by minutes alone."""
LAST_TRIES = 60
"""How often the last checkpoint is tried while the disk is full."""
SECONDS_BETWEEN_TRIES = 10.0
"""Time between two of these tries."""


@dataclass(frozen=True)
class Budget:
    """The limits of a training; the first one that is reached ends it."""

    minutes: float | None
    """Training time; None for no limit."""
    timesteps: int | None
    """Number of decisions; None for no limit."""

    def __post_init__(self) -> None:
        """Check that there is a limit, and that it is positive."""
        if self.minutes is None and self.timesteps is None:
            raise ValueError("a run needs --minutes, --timesteps or both")
        for name, kinds in (("minutes", (int, float)), ("timesteps", (int,))):
            value = getattr(self, name)
            is_number = type(value) in kinds and 0 < value < math.inf  # not True, not NaN
            if value is not None and not is_number:
                raise ValueError(f"--{name} must be positive and finite, got {value!r:.99}")

    def remaining(self, minutes_spent: float, timesteps_spent: int) -> Budget | None:
        """Return what is left of the budget; None if it is spent."""
        minutes = None if self.minutes is None else self.minutes - minutes_spent
        timesteps = None if self.timesteps is None else self.timesteps - timesteps_spent
        if any(left is not None and left <= 0 for left in (minutes, timesteps)):
            return None
        return Budget(minutes, timesteps)


class Session:
    """Trains a model within a budget; a checkpoint remains, whatever ends the training.

    The caller holds the lock of the folder.
    """

    def __init__(
        self,
        folder: RunFolder,
        model: GCGen,
        budget: Budget,
        record: RunRecord,
        tracker: Tracker | None = None,
    ) -> None:
        """Store the parts and load the test images; `record` is saved with each checkpoint."""
        self.folder = folder
        self.model = model
        self.budget = budget
        self.record = record
        self.tracker = tracker
        self._fits_sigma = needs_sigma(model)
        self._keeps_best = keeps_best(record.settings.get("keep", "last"), model)  # earlier: none
        self._images = take_split(model, "test", TEST_IMAGES)  # raises before the training starts
        self._start: float | None = None  # time of the last save, once training has begun

    def run(self) -> int:
        """Train and draw pictures; return the exit code."""
        try:
            with self._track():
                self._print_initial_bound()
                finished = self._train()
                self._save_at_last()
                if not finished:
                    raise KeyboardInterrupt  # the tracked run has been killed, too
                self._complete()
                self._finish()
                return 0
        except KeyboardInterrupt:  # also outside of `_train`, or the second Ctrl-C
            pass
        best = f"the best model so far is {self.folder.best}\n" * self.folder.best.is_file()
        _say(
            f"stopped: the checkpoint is {self.folder.model}\n{best}"
            f"continue with: gcgen train --resume {self.folder.path}"
        )
        return EXIT_CODE

    def save(self, is_new: bool = False) -> None:
        """Write a checkpoint, the first one of a run if `is_new`."""
        minutes = self.record.minutes
        if self._start is not None:
            now = time.monotonic()
            minutes += (now - self._start) / 60
            self._start = now
        self.record = replace(self.record, minutes=minutes)
        self.folder.commit(self.model, self.record, is_new)

    def _track(self) -> AbstractContextManager[object]:
        """Open the tracker, and store which run it is: a resumed training continues it."""
        if self.tracker is None:
            return nullcontext()
        self.tracker.open()
        if self.tracker.run_id != self.record.tracked_as:
            self.record = replace(self.record, tracked_as=self.tracker.run_id)
            PatientWriter(self.save, "checkpoint")()
        return self.tracker

    def _save_at_last(self) -> None:
        """Write the last checkpoint, and wait for room if the disk is full."""
        write = PatientWriter(self.save, "last checkpoint", "trying again; Ctrl-C gives up")
        for _ in range(LAST_TRIES):
            if write():
                return
            time.sleep(SECONDS_BETWEEN_TRIES)
        self.save()  # raises

    def _train(self) -> bool:
        """Spend what is left of the budget; return False if a signal has stopped the training."""
        spent = self.model.num_timesteps + self.record.discarded
        left = self.budget.remaining(self.record.minutes, spent)
        if left is None:
            _say("the budget is spent: nothing to train; raise --minutes or --timesteps")
            return True
        self.record = forget_sigma(self.model, self.record)
        stop = StopRequest()
        with handle_signals(stop):
            self._start = time.monotonic()
            self.model.learn(
                left.timesteps or UNLIMITED,
                callback=[
                    *self._make_watch(),
                    StopOnRequest(lambda: self.model.ranks.any(stop.is_set)),
                    TimedCheckpoint(self.save),
                    BoundProgressBar(),
                    *([self.tracker] if self.tracker else []),
                ],
                tb_log_name="GCGen",
                reset_num_timesteps=self.model.num_timesteps == 0,  # a resumed run counts on
                max_minutes=left.minutes,
            )
        return not stop.is_set and self.model.progress >= 1.0  # or another process was stopped

    def _make_watch(self) -> list[ValidationWatch]:
        """Return the callback that keeps the best model; it acts before the run may be stopped."""
        if not self._keeps_best:
            return []
        made = watch(self.folder, self.model, self.record)
        self.record = replace(self.record, best=None)  # the model is going to change
        return [made]

    def _complete(self) -> None:
        """Return to the best model if it is to be kept, and fit sigma if that is left open."""
        self._start = None  # the training time is over
        if self._keeps_best:
            self.model, self.record, sentence = return_to_best(self.folder, self.model, self.record)
            _say(sentence)
        if self._fits_sigma and not self.record.is_fitted:
            self.record, sentence = fit_sigma(self.model, self.record)
            _say(sentence)
        self._save_at_last()
        self.folder.best.unlink(missing_ok=True)  # now it is the model of the run

    def _evaluate(self) -> str:
        """Bound the negative log-likelihood of the test images, in words."""
        report = self.model.evaluate_nll(self._images, seed=0)  # before and after: the same draws
        if self.tracker:
            self.tracker.log({"test/bound": report.nll}, self.model.num_timesteps)
        sigma = getattr(self.model.s_agent.likelihood, "sigma", 0.0)
        return f"{report}" + f", sigma {sigma:.3g}" * self._fits_sigma

    def _print_initial_bound(self) -> None:
        """Print the bound before training; it is measured only once, also if the run resumes."""
        if self.record.initial_bound is None:
            self.record = replace(self.record, initial_bound=self._evaluate())
        _say(f"test bound before: {self.record.initial_bound}")

    def _finish(self) -> None:
        """Print the bound after training, draw the pictures and list the files."""
        _say(f"test bound after:  {self._evaluate()}")
        folder, model = self.folder, self.model
        spent = model.num_timesteps + self.record.discarded
        write_samples(model, folder.samples)
        write_trajectories(model, folder.trajectories)
        write_reconstructions(model, self._images[:GOALS], folder.reconstructions)
        tracked = ""
        if self.tracker:
            pictures = (folder.samples, folder.trajectories, folder.reconstructions)
            send_pictures(self.tracker, pictures, model.num_timesteps)
            tracked = f"\n  {self.tracker.name:16} {self.tracker.place}"
        _say(
            f"after {self.record.minutes:.1f} minutes and {spent:,} timesteps:\n"
            f"  model            {folder.model}\n"
            f"  S-agent          {folder.s_agent}\n"
            f"  samples          {folder.samples}\n"
            f"  trajectories     {folder.trajectories}\n"
            f"  reconstructions  {folder.reconstructions}\n"
            f"  TensorBoard      tensorboard --logdir {folder.tensorboard}{tracked}"
        )


def _say(text: str) -> None:
    """Print a text; a log file on a full disk does not end the training."""
    print(text, file=cast(TextIO, PatientStream(sys.stdout)), flush=True)
