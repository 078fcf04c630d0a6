"""`WandbTracker`: the log of a training in Weights & Biases."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.tracking.output import Numbers
from agents.tracking.tracker import Status, Tracker

STEP = "global_step"
"""Name of the number of timesteps, as in runs that are synchronised with TensorBoard."""
_EXIT_CODES: dict[Status, int] = {"finished": 0, "killed": 130, "failed": 1}


class WandbTracker(Tracker):
    """Sends the log of a training to Weights & Biases.

    Without a network or an account, or with `WANDB_MODE=offline`, the run is kept in a folder, and
    `wandb sync` uploads it later. A run that is open already is used and left open.

    Example:
        from stable_baselines3 import PPO
        from agents.tracking import WandbTracker

        PPO("MlpPolicy", "CartPole-v1").learn(10_000, WandbTracker(mode="offline"))
    """

    name = "wandb"

    def __init__(
        self,
        project: str | None = None,
        run_name: str | None = None,
        config: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        **options: Any,
    ) -> None:
        """Create the tracker; nothing is sent yet.

        Args:
            project: Project of the run; by default $WANDB_PROJECT, or "gcgen".
            run_name: Name of the run; by default the library invents one.
            config: See `Tracker`.
            run_id: The run to continue; None for a new one.
            **options: Further arguments of `wandb.init`, such as `mode`, `dir`, `entity`, `tags`.

        Raises:
            ImportError: If the library is not installed.
        """
        super().__init__(config, run_id)
        self.options = {
            "project": project or os.environ.get("WANDB_PROJECT") or "gcgen",
            "name": run_name,
            **options,
        }
        self.run: Any = None
        self._is_guest = False

    @property
    def place(self) -> str:
        """The address of the run; for an offline run the command that uploads it."""
        if self.run is None:
            return "no run"
        if self.run.offline:
            return f"wandb sync {os.path.dirname(self.run.dir)}"
        return str(self.run.url)

    def _begin(self) -> str:
        """Use the open run, or start one; offline if that fails."""
        self._is_guest = self.library.run is not None and self.run_id is None
        if self._is_guest:
            self.run = self.library.run
        else:
            self.run = self._start()
        self.run.define_metric(STEP)
        self.run.define_metric("*", step_metric=STEP)  # a resumed run may go back some steps
        return self.run.id

    def _send_config(self, config: Mapping[str, Any]) -> None:
        """Store settings with the run."""
        self.run.config.update(dict(config), allow_val_change=True)

    def _start(self) -> Any:
        """Start a run that writes neither to the screen nor keeps what the screen shows."""
        settings = self.library.Settings(console="off", silent=True)
        resumed = {"id": self.run_id, "resume": "allow"} if self.run_id else {}
        options = {"settings": settings, **resumed, **self.options}
        try:
            return self.library.init(**options)
        except Exception as error:
            if options.get("mode") == "offline":
                raise
            reason = (" ".join(str(error).split()))[:300]
            warnings.warn(
                f"wandb is not reached ({reason}): the run is kept in a folder for `wandb sync`",
                RuntimeWarning,
                stacklevel=2,
            )
            return self.library.init(**{**options, "mode": "offline"})

    def _send(self, numbers: Numbers, step: int) -> None:
        """Log numbers with their step."""
        self.run.log({**numbers, STEP: step})

    def _send_picture(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Log a picture with its step."""
        self.run.log({name: self.library.Image(pixels), STEP: step})

    def _end(self, status: Status) -> None:
        """End the run, unless it is the user's."""
        if not self._is_guest:
            self.run.finish(exit_code=_EXIT_CODES[status])
