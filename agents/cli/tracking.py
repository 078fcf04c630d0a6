"""The tracker of `gcgen train --track`, and the pictures that it gets at the end."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from agents.cli.checks import InputError
from agents.cli.run_folder import RunRecord
from agents.tracking import MLflowTracker, Tracker, WandbTracker

_TRACKERS: dict[str, type[WandbTracker] | type[MLflowTracker]] = {
    "wandb": WandbTracker,
    "mlflow": MLflowTracker,
}
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_DISABLE_WEAVE": "true",  # it takes our package `agents` for another one
    "WANDB_ERROR_REPORTING": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # a server that is away must not stop the training
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
}
"""Variables of the libraries, which the user may set otherwise."""


def make_tracker(record: RunRecord, run_name: str) -> Tracker | None:
    """Return the tracker of a run; None if it is not tracked.

    Raises:
        InputError: If its library is not installed.
    """
    name = record.settings.get("track", "none")  # earlier versions had no trackers
    if name not in _TRACKERS:
        return None
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    try:
        config = record.describe()
        return _TRACKERS[name](run_name=run_name, config=config, run_id=record.tracked_as)
    except ImportError as error:
        raise InputError(str(error)) from error


def remake_tracker(record: RunRecord, run_name: str) -> Tracker | None:
    """Return the tracker of a resumed run; without its library warn, and return None."""
    try:
        return make_tracker(record, run_name)
    except InputError as error:
        warnings.warn(f"{error}; the run goes on without", RuntimeWarning, stacklevel=2)
        return None


def send_pictures(tracker: Tracker, paths: Iterable[Path], step: int) -> None:
    """Send pictures from files; each is named after its file."""
    for path in paths:
        with Image.open(path) as image:
            tracker.log_picture(path.stem, np.asarray(image.convert("RGB")), step)
