"""The folder of a training run: the names of its files, and how far the run has come."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gcgen_env.atomic_files import read_json, write_json


@dataclass(frozen=True)
class RunState:
    """How far a run has come; saved beside the checkpoint, for `--resume`."""

    minutes: float = 0.0
    """Training time so far."""
    timesteps: int = 0
    """Decisions made so far."""
    initial_bound: str | None = None
    """The bound on the test images before training, as it was printed."""


class RunFolder:
    """Paths of the files of one run.

    The methods that read raise a FileNotFoundError if the folder holds no run, and a ValueError
    if a file is damaged.
    """

    def __init__(self, path: Path) -> None:
        """Name the files; nothing is created."""
        self.path = path
        self.model = path / "model.gcgen"
        self.s_agent = path / "s_agent.safetensors"  # the S-agent alone, which `proposer=` accepts
        self.config = path / "config.json"  # every setting, and the versions of the libraries
        self.state = path / "state.json"  # the `RunState`
        self.tensorboard = path / "tb"
        self.samples = path / "samples.png"
        self.trajectories = path / "trajectory.png"
        self.reconstructions = path / "reconstructions.png"

    def read_config(self) -> dict[str, Any]:
        """Read `config.json`."""
        return self._read(self.config)

    def read_state(self) -> RunState:
        """Read `state.json`."""
        try:
            return RunState(**self._read(self.state))
        except TypeError as error:  # a field is missing or unknown
            raise ValueError(f"{self.state} is damaged: {error}") from error

    def write_state(self, state: RunState) -> None:
        """Write `state.json`."""
        write_json(self.state, asdict(state))

    def _read(self, path: Path) -> dict[str, Any]:
        """Read one of the JSON files."""
        if not path.is_file():
            raise FileNotFoundError(f"there is no run in {self.path}: no file {path.name}")
        return read_json(path)
