"""`MLflowTracker`: the log of a training in MLflow."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.tracking.output import Numbers
from agents.tracking.tracker import Status, Tracker

LONGEST_VALUE = 500
"""Characters of a parameter that every server accepts."""
MOST_PARAMETERS = 100
"""The largest number of parameters in one call."""


class MLflowTracker(Tracker):
    """Sends the log of a training to MLflow.

    The server is that of `tracking_uri` or of `MLFLOW_TRACKING_URI`; by default MLflow keeps runs
    in files of the working directory, which `mlflow ui` shows.

    Example:
        from stable_baselines3 import PPO
        from agents.tracking import MLflowTracker

        PPO("MlpPolicy", "CartPole-v1").learn(10_000, MLflowTracker())
    """

    name = "mlflow"

    def __init__(
        self,
        experiment: str | None = None,
        run_name: str | None = None,
        config: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        tracking_uri: str | None = None,
    ) -> None:
        """Create the tracker; nothing is sent yet.

        Args:
            experiment: Name of the experiment; by default $MLFLOW_EXPERIMENT_NAME, or "gcgen".
            run_name: Name of the run; by default the library invents one.
            config: See `Tracker`.
            run_id: The run to continue; None for a new one.
            tracking_uri: The server, a folder or a database, such as sqlite:///runs.db.

        Raises:
            ImportError: If the library is not installed.
        """
        super().__init__(config, run_id)
        self.experiment = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "gcgen"
        self.run_name = run_name
        self.tracking_uri = tracking_uri
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The client of the server, made at its first use."""
        if self._client is None:
            self._client = self.library.MlflowClient(self.tracking_uri)
        return self._client

    @property
    def place(self) -> str:
        """The command that shows the run, or the address of its server."""
        uri = self.client.tracking_uri
        server = uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {uri}"
        return f"{server} (experiment {self.experiment}, run {self.run_id})"

    def _begin(self) -> str:
        """Create a run, or continue one."""
        if self.run_id is None:
            experiment = self._find_experiment()
            return self.client.create_run(experiment, run_name=self.run_name).info.run_id
        self.client.update_run(self.run_id, status="RUNNING")
        return self.run_id

    def _send_config(self, config: Mapping[str, Any]) -> None:
        """Store settings as parameters, which cannot change, and all of them in a file."""
        known = self.client.get_run(self.run_id).data.params
        new = {k: str(v)[:LONGEST_VALUE] for k, v in flatten(config).items() if k not in known}
        parameters = [self.library.entities.Param(*item) for item in new.items()]
        for i in range(0, len(parameters), MOST_PARAMETERS):
            self.client.log_batch(self.run_id, params=parameters[i : i + MOST_PARAMETERS])
        self.client.log_dict(self.run_id, dict(config), "config.json")

    def _find_experiment(self) -> str:
        """Return the id of the experiment, which is created if it is missing."""
        found = self.client.get_experiment_by_name(self.experiment)
        return found.experiment_id if found else self.client.create_experiment(self.experiment)

    def _send(self, numbers: Numbers, step: int) -> None:
        """Log all numbers of a row in one call."""
        now = int(time.time() * 1000)  # milliseconds
        metric = self.library.entities.Metric
        metrics = [metric(name, value, now, step) for name, value in numbers.items()]
        self.client.log_batch(self.run_id, metrics=metrics)

    def _send_picture(self, name: str, pixels: NDArray[np.uint8], step: int) -> None:
        """Log a picture with its step."""
        self.client.log_image(self.run_id, pixels, key=name, step=step, synchronous=True)

    def _end(self, status: Status) -> None:
        """Mark the run as ended."""
        self.client.set_terminated(self.run_id, status.upper())


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings in one dict: {"a": {"b": 1}} becomes {"a/b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        nested = isinstance(value, Mapping)
        flat |= flatten(value, f"{prefix}{name}/") if nested else {f"{prefix}{name}": value}
    return flat
