"""Callbacks of long trainings: a progress bar, timed checkpoints, a stop on request."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO, cast

from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor
from tqdm import tqdm

from agents.common.patience import PatientStream, PatientWriter
from agents.gcgen.bound import compute_bound
from agents.gcgen.training import StopTraining, TwoAgentTraining

SMOOTHING = 0.98
"""Weight of the past in the bound that the progress bar shows."""
FEWEST_ROLLOUTS = 10
"""Roll-outs before the progress bar shows an estimate of the remaining time."""
_BAR = "{percentage:3.0f}%|{bar}| {elapsed}{postfix}"
_BAR_WITH_ESTIMATE = _BAR.replace("{elapsed}", "{elapsed} < {remaining}")


class BoundProgressBar(BaseCallback):
    """Shows the progress of the training and the bound on the training goals.

    The bar follows `model.progress`: the share of the time if minutes are the budget, of the
    timesteps otherwise. The remaining time is estimated from the mean speed of this training.
    """

    model: TwoAgentTraining  # type: ignore[assignment]

    def __init__(self) -> None:
        """Create the callback; the bar appears with the first roll-out."""
        super().__init__()
        self.bar: tqdm | None = None
        self._smoothed: Tensor | None = None
        self.rollouts = 0

    @property
    def bound(self) -> float | None:
        """The smoothed bound in nats; to read it, the CPU waits for the device."""
        return None if self._smoothed is None else self._smoothed.item()

    def _on_training_start(self) -> None:
        """Reset the callback, which may have shown an earlier training."""
        self.bar, self._smoothed, self.rollouts = None, None, 0

    def _on_step(self) -> bool:
        """Continue the training."""
        return True

    def _on_rollout_start(self) -> None:
        """Move the bar: now the model's progress is up to date."""
        if self.bar is None:
            self.bar = tqdm(
                total=1.0,
                initial=self._progress,  # a resumed training starts where it stopped
                bar_format=_BAR,
                mininterval=0.2 if sys.stderr.isatty() else 10.0,  # seconds; a log file gets few
                smoothing=0,  # the mean speed
                file=cast(TextIO, PatientStream(sys.stderr)),
            )
        if self.rollouts == FEWEST_ROLLOUTS:
            self.bar.bar_format = _BAR_WITH_ESTIMATE
        self.rollouts += 1
        self.bar.update(self._progress - self.bar.n)  # tqdm wants the increment

    def _on_rollout_end(self) -> None:
        """Update the smoothed bound with the last batch of goals; read it if the bar is due."""
        bound = compute_bound(self.locals["trajectories"]).nll.mean()  # nats, on the device
        past = bound if self._smoothed is None else self._smoothed  # the first one starts the mean
        self._smoothed = SMOOTHING * past + (1 - SMOOTHING) * bound
        if self.bar is not None and time.time() - self.bar.last_print_t >= self.bar.mininterval:
            self._write_bound(self.bar)

    def _write_bound(self, bar: tqdm) -> None:
        """Write timesteps and bound beside the bar; they are drawn with its next update."""
        text = f"{self.num_timesteps:,} timesteps, bound {self.bound:.2f} nats"
        bar.set_postfix_str(text, refresh=False)

    def _on_training_end(self) -> None:
        """Leave the last state of the bar on the screen."""
        if self.bar is not None:
            if self._smoothed is not None:
                self._write_bound(self.bar)
            self.bar.bar_format = _BAR  # nothing remains to be estimated
            self.bar.update(self._progress - self.bar.n)
            self.bar.close()

    @property
    def _progress(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        return self.model.progress


class TimedCheckpoint(BaseCallback):
    """Saves the model at regular times, at the beginning of a round of goals.

    A training that is resumed from there continues exactly. If the disk is full, the training
    goes on, and saves again when there is room.
    """

    model: TwoAgentTraining  # type: ignore[assignment]

    def __init__(self, save: Callable[[], object], seconds: float = 60.0) -> None:
        """Create the callback.

        Args:
            save: Writes the checkpoint.
            seconds: Time between two checkpoints, above 0.

        Raises:
            ValueError: If `seconds` is not positive.
        """
        super().__init__()
        if not seconds > 0:
            raise ValueError(f"seconds must be positive, got {seconds}")
        self.save = PatientWriter(save, "checkpoint")
        self.seconds = seconds

    def _on_training_start(self) -> None:
        """Start the clock."""
        self._last = time.monotonic()

    def _on_step(self) -> bool:
        """Continue the training."""
        return True

    def _on_rollout_start(self) -> None:
        """Save the model if enough time has passed."""
        if self.model.is_resumable and time.monotonic() - self._last >= self.seconds:
            self.save()
            self._last = time.monotonic()  # after a failure, too


class StopOnRequest(BaseCallback):
    """Stops the training at the beginning of a round of goals, from where it can go on exactly."""

    model: TwoAgentTraining  # type: ignore[assignment]

    def __init__(self, is_requested: Callable[[], bool]) -> None:
        """Create the callback; `is_requested` returns whether to stop."""
        super().__init__()
        self.is_requested = is_requested

    def _on_step(self) -> bool:
        """Continue the training: in the middle of a round, it could not be resumed exactly."""
        return True

    def _on_rollout_start(self) -> None:
        """Stop the training if that is requested."""
        if self.model.is_resumable and self.is_requested():
            raise StopTraining
