"""What a training run leaves behind, and where: one folder for each run."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunState:
    """How far a run has come; kept beside the checkpoint, for `--resume`."""

    minutes: float = 0.0
    """Time spent on training."""
    timesteps: int = 0
    """Decisions made."""
    initial_bound: str | None = None
    """Bound on the test images before training, in words."""


@dataclass(frozen=True)
class RunFolder:
    """Names and files of one run."""

    path: Path
    """The folder."""

    @property
    def model(self) -> Path:
        """The checkpoint."""
        return self.path / "model.gcgen"

    @property
    def s_agent(self) -> Path:
        """The S-agent alone: what `proposer=` takes."""
        return self.path / "s_agent.safetensors"

    @property
    def config(self) -> Path:
        """Every setting, and the versions of the libraries."""
        return self.path / "config.json"

    @property
    def state(self) -> Path:
        """The `RunState`."""
        return self.path / "state.json"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard logs."""
        return self.path / "tb"

    def picture(self, name: str) -> Path:
        """Return the path of a picture: "samples", "trajectory" or "reconstructions"."""
        return self.path / f"{name}.png"

    def read_config(self) -> dict[str, Any]:
        """Read `config.json`.

        Raises:
            FileNotFoundError: If there is no run here.
            ValueError: If the file is damaged.
        """
        return _read_json(self.config)

    def read_state(self) -> RunState:
        """Read `state.json`.

        Raises:
            FileNotFoundError: If there is no run here.
            ValueError: If the file is damaged.
        """
        fields = _read_json(self.state)
        try:
            return RunState(**fields)
        except TypeError as error:
            raise ValueError(f"{self.state} is damaged: {error}") from error

    def write_state(self, state: RunState) -> None:
        """Write `state.json`."""
        write_json(self.state, asdict(state))


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write JSON, atomically; paths become strings."""
    write_bytes(path, (json.dumps(document, indent=2, default=str) + "\n").encode())


def write_bytes(path: Path, payload: bytes) -> None:
    """Write a file, whole or not at all; missing folders are made.

    Raises:
        OSError: If the place cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(payload)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):  # the folder itself may be unusable
            temporary.unlink(missing_ok=True)
        raise OSError(f"cannot write {path}: {error.strerror or error}") from error


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no run in {path.parent}: no file {path.name}")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} is damaged: expected an object")
    return document
