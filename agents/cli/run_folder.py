"""The folder of a training run: its files, its checkpoint, and the lock of its only writer.

The model's file is the run: a folder without it has no run. It holds the settings and the state
of the run, and each checkpoint replaces it at once. Every other file can be made from it again, but
the best model so far, which a run that keeps the best one has beside it until the training ends.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from agents.cli.writer_lock import WriterLock
from agents.common.saved_names import MODEL_NAME
from agents.gcgen import GCGen
from agents.gcgen.checkpoint import KIND, READ_ERRORS, Checkpoint
from agents.gcgen.generalisation import Evaluation
from gcgen_env.atomic_files import read_json, remove_temporaries, write_json
from gcgen_env.model.s_agent import FILE_NAME as S_AGENT_NAME
from gcgen_env.storage import read_document


@dataclass(frozen=True)
class RunRecord:
    """What a checkpoint tells of its run, besides the model."""

    settings: dict[str, Any]
    """Every option of `gcgen train`, in groups."""
    command: str | None = None
    """The commands that made the run."""
    versions: dict[str, str] | None = None
    """Versions of the libraries."""
    machine: dict[str, Any] | None = None
    """The machine of the last session."""
    minutes: float = 0.0
    """Training time so far."""
    initial_bound: str | None = None
    """The bound on the test images before training, as it was printed."""
    best: dict[str, Any] | None = None
    """The evaluation of the model in the file, if it is the best one; else None."""
    is_fitted: bool = False
    """Whether sigma was fitted to the model in the file, where that is needed."""
    discarded: int = 0
    """Timesteps that were trained after the best models to which the run returned."""
    launcher: str | None = None
    """The launcher whose processes write the run; None if there is one process."""
    tracked_as: str | None = None
    """Id of the run of `--track`; None before it is opened."""

    def __post_init__(self) -> None:
        """Check the types of what is computed with; they may come from a file."""
        if not isinstance(self.settings, dict):
            raise ValueError("its settings are no table")
        if type(self.minutes) not in (int, float) or not 0 <= self.minutes < math.inf:
            raise ValueError(f"its minutes are {self.minutes!r:.99}")
        if type(self.discarded) is not int or self.discarded < 0:
            raise ValueError(f"its discarded timesteps are {self.discarded!r:.99}")
        if self.best is not None:
            Evaluation.read(self.best)  # raises
        kinds = {"command": str, "initial_bound": str, "versions": dict, "is_fitted": bool}
        kinds |= {"launcher": str, "tracked_as": str}
        for name, kind in kinds.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise ValueError(f"its {name} must be a {kind.__name__}, got {value!r:.99}")

    def describe(self) -> dict[str, Any]:
        """Return the content of `config.json`: what does not change during a session."""
        fields = asdict(self)
        changing = ("minutes", "initial_bound", "best", "is_fitted", "discarded", "launcher")
        for name in (*changing, "tracked_as"):
            del fields[name]
        return fields


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        """Name the files; nothing is created.

        Args:
            path: The folder, or the model's file in it.

        Raises:
            ValueError: If the path is another file.
        """
        if path.is_file() and path.name != MODEL_NAME:
            raise ValueError(f"{path} is neither the folder of a run nor its {MODEL_NAME}")
        self.path = path = path.parent if path.is_file() else path
        self.model = path / MODEL_NAME
        self.best = path / "best.gcgen"  # the best model so far, while `--keep best` trains
        self.s_agent = path / S_AGENT_NAME  # the S-agent alone, which `proposer=` accepts
        self.config = path / "config.json"  # every setting, for people and other programs
        self.tensorboard = path / "tb"
        self.samples = path / "samples.png"
        self.trajectories = path / "trajectory.png"
        self.reconstructions = path / "reconstructions.png"
        self._state = path / "state.json"  # written by version 0.1 only

    @property
    def has_run(self) -> bool:
        """Whether there is a run."""
        return self.model.is_file()

    def find_model(self) -> Path:
        """Return the model that commands use: of a run that has not ended, the best one so far.

        Raises:
            ValueError: If there is a best one, and the checkpoint beside it is damaged.
        """
        has_best = self.best.is_file() and self.read().best is None  # else a kill has left it over
        return self.best if has_best else self.model

    def find_others(self) -> list[Path]:
        """Return the files that a new run would replace, although there is no run."""
        return [path for path in (*self._derived, self.tensorboard) if path.exists()]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer; the folder is created, and what killed writers left is removed.

        Raises:
            BlockingIOError: If another process writes the run; the message says which one.
            OSError: If the folder cannot be created.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with WriterLock(self.path):
            remove_temporaries((self.model, *self._derived))
            yield

    def read(self) -> RunRecord:
        """Read what the checkpoint tells of its run.

        Raises:
            FileNotFoundError: If there is no run.
            ValueError: If a file is damaged.
        """
        if not self.has_run:
            raise FileNotFoundError(f"there is no run in {self.path}: no file {MODEL_NAME}")
        document = read_document(self.model)
        if document["kind"] != KIND:
            raise ValueError(f"{self.model} holds a {document['kind']!r}, expected a {KIND!r}")
        run = document.get("run") or self._read_version_0_1()
        try:
            return RunRecord(**run)
        except (TypeError, ValueError) as error:  # a field is missing, unknown or of a wrong type
            earlier = f"{self.config} or {self._state.name}"
            where = self.model if document.get("run") else earlier
            raise ValueError(f"{where} is damaged: {error}") from error

    def clear_logs(self) -> None:
        """Remove the logs of an older run, after `commit` has replaced its model."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.tensorboard)

    def commit(self, model: GCGen, record: RunRecord, is_new: bool = False) -> None:
        """Write a checkpoint, the first one of a run if `is_new`.

        Whenever the process is killed, the files do not contradict each other: the model's file
        is replaced at once, and what would tell of another run or session is removed just before.

        Raises:
            OSError: If a file cannot be written.
        """
        description = json.loads(json.dumps(record.describe(), default=str))
        is_described = self._read_config() == description and not is_new
        stale = self._derived if is_new else () if is_described else (self.config,)
        checkpoint = replace(Checkpoint.of(model), run=asdict(record))
        checkpoint.save(self.model, before_move=lambda: _remove(stale))
        model.s_agent.save(self.s_agent, seed=model.seed, updates=model._n_updates)
        if not is_described:
            write_json(self.config, description)
            self._state.unlink(missing_ok=True)

    def save_best(self, model: GCGen, record: RunRecord, evaluation: Evaluation) -> None:
        """Write the best model so far; `commit` writes the one that the training goes on with.

        Raises:
            OSError: If the file cannot be written.
        """
        described = replace(record, best=asdict(evaluation))
        replace(Checkpoint.of(model), run=asdict(described)).save(self.best)

    def read_best(self) -> Evaluation | None:
        """Read the evaluation of the best model so far; None if there is no such model.

        Raises:
            ValueError: If the file is damaged.
        """
        if not self.best.is_file():
            return None
        try:
            return Evaluation.read(read_document(self.best)["run"]["best"])
        except READ_ERRORS as error:
            raise ValueError(
                f"{self.best} is damaged: remove it, and the run starts its search anew"
            ) from error

    @property
    def _derived(self) -> tuple[Path, ...]:
        """The files that mean nothing without the model's file."""
        pictures = self.samples, self.trajectories, self.reconstructions
        return self.config, self.best, self.s_agent, self._state, *pictures

    def _read_config(self) -> dict[str, Any] | None:
        """Return the content of `config.json`; None if it is absent or damaged."""
        with suppress(FileNotFoundError, ValueError):
            return read_json(self.config)
        return None

    def _read_version_0_1(self) -> dict[str, Any]:
        """Return the record of a run of version 0.1, which kept it in files beside the model."""
        record: dict[str, Any] = {}
        for path in (self.config, self._state):
            if not path.is_file():
                raise FileNotFoundError(f"there is no run in {self.path}: no file {path.name}")
            record |= read_json(path)
        record.pop("timesteps", None)  # the model counts them
        return record


def _remove(paths: Iterable[Path]) -> None:
    """Remove files that may exist."""
    for path in paths:
        path.unlink(missing_ok=True)
