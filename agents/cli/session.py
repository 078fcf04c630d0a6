"""One training run, from its first checkpoint to its pictures."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from stable_baselines3.common.callbacks import BaseCallback

from agents.cli.interrupts import EXIT_CODE, StopRequest, note_interrupts
from agents.cli.models import take_split
from agents.cli.pictures import write_reconstructions, write_samples, write_trajectories
from agents.cli.run_folder import RunFolder, RunState
from agents.gcgen import GCGen, NLLReport
from agents.gcgen.callbacks import BoundProgressBar, StopOnRequest, TimedCheckpoint

TEST_IMAGES = 1000
"""Test images that the bound before and after training is measured on, at most."""
GOALS = 16
"""Test images whose reconstructions are drawn."""
UNLIMITED = 10**15
"""Timesteps of a run that minutes alone end."""


@dataclass(frozen=True)
class Budget:
    """When training ends: at whichever comes first."""

    minutes: float | None
    """Time spent on training; None for no limit."""
    timesteps: int | None
    """Decisions made; None for no limit."""

    def __post_init__(self) -> None:
        """Check that there is a limit, and that it is positive."""
        if self.minutes is None and self.timesteps is None:
            raise ValueError("a run needs --minutes, --timesteps or both")
        for name, value in vars(self).items():
            if value is not None and not value > 0:
                raise ValueError(f"--{name} must be positive, got {value}")

    def remaining(self, state: RunState) -> Budget | None:
        """Return what is left of it; None if nothing is."""
        minutes = None if self.minutes is None else self.minutes - state.minutes
        timesteps = None if self.timesteps is None else self.timesteps - state.timesteps
        if any(left is not None and left <= 0 for left in (minutes, timesteps)):
            return None
        return Budget(minutes, timesteps)


class Session:
    """Trains a model within a budget; whatever stops it, a checkpoint remains."""

    def __init__(self, folder: RunFolder, model: GCGen, budget: Budget, state: RunState) -> None:
        """Put the parts together; `state` says how much of the budget is spent."""
        self.folder = folder
        self.model = model
        self.budget = budget
        self.state = state
        self._images = take_split(model, "test", TEST_IMAGES)
        self._start: float | None = None

    def run(self) -> int:
        """Train, and draw pictures; returns the exit code."""
        try:
            self.save()
            self._print_initial_bound()
            finished = self._train()
            self.save()
            if finished:
                self._finish()
                return 0
        except KeyboardInterrupt:
            if not self.folder.state.is_file():
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
            spent += (now - self._start) / 60
            self._start = now
        self.state = replace(self.state, minutes=spent, timesteps=self.model.num_timesteps)
        self.model.save(self.folder.model)
        self.model.s_agent.save(self.folder.s_agent)
        self.folder.write_state(self.state)

    def _train(self) -> bool:
        """Spend what is left of the budget; False if a signal came first."""
        left = self.budget.remaining(self.state)
        if left is None:
            print("the budget is spent: nothing to train; raise --minutes or --timesteps")
            return True
        with note_interrupts() as stop:
            self._start = time.monotonic()
            self.model.learn(
                left.timesteps or UNLIMITED,
                callback=self._make_callbacks(stop),
                tb_log_name="GCGen",
                reset_num_timesteps=self.state.timesteps == 0,
                max_minutes=left.minutes,
            )
        return not stop.is_set

    def _make_callbacks(self, stop: StopRequest) -> list[BaseCallback]:
        """Return the callbacks of `learn`."""
        return [
            StopOnRequest(lambda: stop.is_set),
            TimedCheckpoint(self.save),
            BoundProgressBar(),
        ]

    def _evaluate(self) -> NLLReport:
        """Bound the negative log-likelihood of test images."""
        return self.model.evaluate_nll(self._images, seed=0)

    def _print_initial_bound(self) -> None:
        """Print the bound before any training, measured once for each run."""
        if self.state.initial_bound is None:
            self.state = replace(self.state, initial_bound=str(self._evaluate()))
            self.folder.write_state(self.state)
        print(f"test bound before: {self.state.initial_bound}", flush=True)

    def _finish(self) -> None:
        """Print the bound after training, draw pictures and say where everything is."""
        print(f"test bound after:  {self._evaluate()}")
        folder, model = self.folder, self.model
        write_samples(model, folder.picture("samples"))
        write_trajectories(model, folder.picture("trajectory"))
        write_reconstructions(model, self._images[:GOALS], folder.picture("reconstructions"))
        print(
            f"after {self.state.minutes:.1f} minutes and {self.state.timesteps:,} timesteps:\n"
            f"  model            {folder.model}\n"
            f"  S-agent          {folder.s_agent}\n"
            f"  samples          {folder.picture('samples')}\n"
            f"  trajectories     {folder.picture('trajectory')}\n"
            f"  reconstructions  {folder.picture('reconstructions')}\n"
            f"  TensorBoard      tensorboard --logdir {folder.tensorboard}"
        )
