"""Callbacks of long runs: a progress bar with the bound, timed checkpoints, a stop on request."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback
from tqdm import tqdm

from agents.gcgen.losses import compute_bound

SMOOTHING = 0.98
"""Weight of the past in the bound that the progress bar shows."""
_BAR = "{percentage:3.0f}%|{bar}| {elapsed} < {remaining}{postfix}"


class BoundProgressBar(BaseCallback):
    """Shows how much of the budget is spent, and the bound on the training goals.

    The bar follows `model.progress`: time when minutes are the budget, timesteps otherwise.
    """

    def __init__(self) -> None:
        """Make the callback; the bar appears when training starts."""
        super().__init__()
        self.bound: float | None = None

    def _on_training_start(self) -> None:
        """Draw the bar, where an earlier run has left it."""
        self._bar = tqdm(
            total=1.0,
            initial=self.model.progress % 1.0,  # type: ignore[attr-defined]
            bar_format=_BAR,
            mininterval=0.2 if sys.stderr.isatty() else 10.0,
        )

    def _on_step(self) -> bool:
        """Let training go on."""
        return True

    def _on_rollout_end(self) -> None:
        """Move the bar and smooth the bound of the last batch of goals."""
        bound = compute_bound(self.locals["path"]).nll.mean().item()
        past = bound if self.bound is None else self.bound
        self.bound = SMOOTHING * past + (1 - SMOOTHING) * bound
        self._bar.set_postfix_str(
            f"{self.num_timesteps:,} timesteps, bound {self.bound:.2f} nats", refresh=False
        )
        self._bar.update(self.model.progress - self._bar.n)  # type: ignore[attr-defined]

    def _on_training_end(self) -> None:
        """Leave the last state of the bar on the screen."""
        self._bar.update(self.model.progress - self._bar.n)  # type: ignore[attr-defined]
        self._bar.close()


class TimedCheckpoint(BaseCallback):
    """Saves at regular times, between two updates."""

    def __init__(self, save: Callable[[], object], seconds: float = 60.0) -> None:
        """Make the callback.

        Args:
            save: Writes the checkpoint.
            seconds: Time between two of them, above 0.

        Raises:
            ValueError: If `seconds` is not positive.
        """
        super().__init__()
        if not seconds > 0:
            raise ValueError(f"seconds must be positive, got {seconds}")
        self.save = save
        self.seconds = seconds

    def _on_training_start(self) -> None:
        """Start the clock."""
        self._last = time.monotonic()

    def _on_step(self) -> bool:
        """Let training go on."""
        return True

    def _on_rollout_end(self) -> None:
        """Save if it is time."""
        if time.monotonic() - self._last >= self.seconds:
            try:
                self.save()
            except OSError as error:  # a full disk may have room again in a minute
                warnings.warn(
                    f"no checkpoint this time: {error}; trying again in {self.seconds:g} s",
                    RuntimeWarning,
                    stacklevel=2,
                )
            self._last = time.monotonic()


class StopOnRequest(BaseCallback):
    """Ends training when asked to, after the update in progress."""

    def __init__(self, is_requested: Callable[[], bool]) -> None:
        """Make the callback; `is_requested` says whether to stop."""
        super().__init__()
        self.is_requested = is_requested

    def _on_step(self) -> bool:
        """Return False to stop."""
        return not self.is_requested()
