"""One training run, from its first checkpoint to its pictures."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from agents.cli.interrupts import EXIT_CODE, StopRequest, handle_signals
from agents.cli.models import take_split
from agents.cli.pictures import write_reconstructions, write_samples, write_trajectories
from agents.cli.run_folder import RunFolder, RunState
from agents.gcgen import GCGen, NLLReport
from agents.gcgen.callbacks import BoundProgressBar, StopOnRequest, TimedCheckpoint

TEST_IMAGES = 1000
"""Largest number of test images for the bound before and after training."""
GOALS = 16
"""Number of test images whose reconstructions are drawn."""
UNLIMITED = 10**15
"""Timesteps of a run that is limited by minutes alone."""


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
        for name, value in vars(self).items():
            if value is not None and not value > 0:
                raise ValueError(f"--{name} must be positive, got {value}")

    def remaining(self, state: RunState) -> Budget | None:
        """Return what is left of the budget; None if it is spent."""
        minutes = None if self.minutes is None else self.minutes - state.minutes
        timesteps = None if self.timesteps is None else self.timesteps - state.timesteps
        if any(left is not None and left <= 0 for left in (minutes, timesteps)):
            return None
        return Budget(minutes, timesteps)


class Session:
    """Trains a model within a budget; a checkpoint remains, whatever ends the training."""

    def __init__(self, folder: RunFolder, model: GCGen, budget: Budget, state: RunState) -> None:
        """Store the parts and load the test images; `state` is what is spent of the budget."""
        self.folder = folder
        self.model = model
        self.budget = budget
        self.state = state
        self._images = take_split(model, "test", TEST_IMAGES)  # raises before the training starts
        self._start: float | None = None  # time of the last save, once training has begun

    def run(self) -> int:
        """Train and draw pictures; return the exit code."""
        try:
            self.save()  # from here on an interrupted run can be resumed
            self._print_initial_bound()
            finished = self._train()
            self.save()
            if finished:
                self._finish()
                return 0
        except KeyboardInterrupt:  # outside of `_train`, or the second Ctrl-C
            if not self.folder.state.is_file():  # interrupted before the first checkpoint
                raise
        print(
            f"stopped: the checkpoint is {self.folder.model}\n"
            f"continue with: gcgen train --resume {self.folder.path}"
        )
        return EXIT_CODE

    def save(self) -> None:
        """Write the checkpoint, the S-agent and the state."""
        spent = self.state.minutes
        if self._start is not None:
            now = time.monotonic()
            spent += (now - self._start) / 60  # minutes
            self._start = now
        self.state = replace(self.state, minutes=spent, timesteps=self.model.num_timesteps)
        self.model.save(self.folder.model)
        self.model.s_agent.save(self.folder.s_agent)
        self.folder.write_state(self.state)  # last: with it the checkpoint is complete

    def _train(self) -> bool:
        """Spend what is left of the budget; return False if a signal has stopped the training."""
        left = self.budget.remaining(self.state)
        if left is None:
            print("the budget is spent: nothing to train; raise --minutes or --timesteps")
            return True
        stop = StopRequest()
        with handle_signals(stop):
            self._start = time.monotonic()
            self.model.learn(
                left.timesteps or UNLIMITED,
                callback=[
                    StopOnRequest(lambda: stop.is_set),
                    TimedCheckpoint(self.save),
                    BoundProgressBar(),
                ],
                tb_log_name="GCGen",
                reset_num_timesteps=self.state.timesteps == 0,  # a resumed run counts on
                max_minutes=left.minutes,
            )
        return not stop.is_set

    def _evaluate(self) -> NLLReport:
        """Bound the negative log-likelihood of the test images."""
        return self.model.evaluate_nll(self._images, seed=0)  # before and after: the same draws

    def _print_initial_bound(self) -> None:
        """Print the bound before training; it is measured only once, also if the run resumes."""
        if self.state.initial_bound is None:
            self.state = replace(self.state, initial_bound=str(self._evaluate()))
            self.folder.write_state(self.state)
        print(f"test bound before: {self.state.initial_bound}", flush=True)

    def _finish(self) -> None:
        """Print the bound after training, draw the pictures and list the files."""
        print(f"test bound after:  {self._evaluate()}")
        folder, model = self.folder, self.model
        write_samples(model, folder.samples)
        write_trajectories(model, folder.trajectories)
        write_reconstructions(model, self._images[:GOALS], folder.reconstructions)
        print(
            f"after {self.state.minutes:.1f} minutes and {self.state.timesteps:,} timesteps:\n"
            f"  model            {folder.model}\n"
            f"  S-agent          {folder.s_agent}\n"
            f"  samples          {folder.samples}\n"
            f"  trajectories     {folder.trajectories}\n"
            f"  reconstructions  {folder.reconstructions}\n"
            f"  TensorBoard      tensorboard --logdir {folder.tensorboard}"
        )
