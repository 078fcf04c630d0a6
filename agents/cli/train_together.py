"""`gcgen train` in several processes: the first one leads the run, the others follow."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from contextlib import ExitStack
from dataclasses import asdict, replace
from io import BytesIO
from typing import Any

import psutil
import torch

from agents.cli.checks import InputError, reading_input
from agents.cli.fitted_sigma import forget_sigma
from agents.cli.interrupts import EXIT_CODE, StopRequest, handle_signals
from agents.cli.launch import note_failure
from agents.cli.run_folder import RunFolder, RunRecord
from agents.cli.session import UNLIMITED, Budget, Session
from agents.cli.settings import TrainSettings
from agents.cli.start_run import flatten, resume, start
from agents.common.provenance import find_device
from agents.distributed.data_note import describe_data
from agents.distributed.joining import Joined, Place, choose_device, join
from agents.distributed.meeting import LaunchError, PeerLost
from agents.distributed.ranks import RanksLost
from agents.gcgen import GCGen
from agents.gcgen.callbacks import StopOnRequest
from agents.gcgen.checkpoint import Checkpoint
from agents.gcgen.precision import find_dtype
from gcgen_env.model.sampling import TrainingDiverged

_OWN = {
    *("config", "data_dir", "device", "max_restarts", "out", "overwrite", "processes", "resume"),
    "threads",
}
"""Options that may differ between machines, or that the first process alone needs."""


class OthersLost(InputError):
    """Another process has ended: it pays to start again from the last checkpoint."""

    exit_code = 1


def train_together(settings: TrainSettings, folder: RunFolder, place: Place) -> int:
    """Train in one of several processes; return its exit code, 0 if all were told to stop.

    Raises:
        InputError: If this is the first process, and the processes cannot train together.
    """
    try:
        with reading_input(), handle_signals(signal.SIG_DFL):  # waiting in torch hears of none
            settings, joined = _join(settings, place)
        if not joined.ranks.is_first:
            return _follow(settings, joined)
        code = _lead(settings, folder, joined, place)
        return 0 if code == EXIT_CODE else code  # for `torchrun`, other codes are failures
    except KeyboardInterrupt:
        if place.rank:  # the first process says it
            return EXIT_CODE
        raise
    except RanksLost as error:
        if place.rank:
            return OthersLost.exit_code
        raise OthersLost(
            f"{error}; the last checkpoint is {folder.model}, continue with: gcgen train --resume "
            f"{folder.path}"
        ) from error
    except (InputError, OSError, TrainingDiverged) as error:
        if isinstance(error.__cause__, PeerLost):
            if place.rank:
                return OthersLost.exit_code
            raise OthersLost(str(error)) from error
        code = getattr(error, "exit_code", 2)
        note_failure(code)
        if place.rank and isinstance(error.__cause__, LaunchError):
            return code
        raise


def _join(settings: TrainSettings, place: Place) -> tuple[TrainSettings, Joined]:
    """Join the other processes; return the settings with the device of this one."""
    if settings.processes not in (1, place.size):
        raise LaunchError(
            f"--processes {settings.processes} and {place.size} processes of torchrun: leave out "
            "--processes"
        )
    device = choose_device(settings.device, place)
    options = {k: v for k, v in flatten(settings.to_json()).items() if k not in _OWN}
    try:
        found, error = find_device(device), ""
    except ValueError as problem:
        found, error = find_device("cpu"), str(problem)
    return replace(settings, device=device), join(found, options, error)


def _lead(settings: TrainSettings, folder: RunFolder, joined: Joined, place: Place) -> int:
    """Start or resume the run as one process does, and let the others follow."""
    launcher = find_launcher()
    goes_on = place.is_watched and folder.has_run and folder.read().launcher == launcher
    if goes_on:
        settings = replace(settings, resume=(folder.path,))
        command = folder.read().command  # once, however often the processes are started
        print("a process has died: going on from the last checkpoint", file=sys.stderr)
    told = ExitStack()
    note = told.enter_context(joined.meeting.telling("model"))

    def introduce(session: Session) -> None:
        model = session.model
        _check_batches(model, joined)
        session.record = replace(session.record, launcher=launcher)
        if goes_on:
            session.record = replace(session.record, command=command)
        content = pack(model)
        note.update(size=len(content), record=asdict(session.record), budget=vars(session.budget))
        told.close()  # from here on, errors are compared
        joined.ranks.send(content, len(content))
        joined.meeting.compare("data", _describe(model))
        model.ranks = joined.ranks

    with told:
        return (start if settings.resume is None else resume)(settings, folder, introduce)


def _check_batches(model: GCGen, joined: Joined) -> None:
    """Raise a ValueError unless every process has rows in every update."""
    size, num = model.config.update_size, model.config.n_envs
    for batch in (min(size, num), num % size or size):
        joined.ranks.share(min(batch, num))


def _follow(settings: TrainSettings, joined: Joined) -> int:
    """Train with the model of the first process; write nothing."""
    warnings.simplefilter("ignore")  # the first process warns
    stop, parent = StopRequest(), os.getppid()
    with reading_input(), handle_signals(signal.SIG_DFL):
        model, note = _receive(settings, joined)
    model.ranks = joined.ranks
    record, budget = RunRecord(**note["record"]), Budget(**note["budget"])
    left = budget.remaining(record.minutes, model.num_timesteps + record.discarded)
    if left is None:
        return 0
    forget_sigma(model, record)

    def is_stopped() -> bool:
        return joined.ranks.any(stop.is_set or os.getppid() != parent)  # no launcher any more

    with handle_signals(stop):
        model.learn(
            left.timesteps or UNLIMITED,
            StopOnRequest(is_stopped),
            reset_num_timesteps=model.num_timesteps == 0,
            max_minutes=left.minutes,
        )
    return 0


def _receive(settings: TrainSettings, joined: Joined) -> tuple[GCGen, dict[str, Any]]:
    """Wait for the model of the first process; return it, and what is known of its run."""
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # imports for seconds while one waits
    note = joined.meeting.hear("model")
    content = joined.ranks.send(None, note["size"])
    model, error = None, ""
    try:
        model = load(content, settings)
    except (TypeError, ValueError, OSError) as problem:
        error = str(problem)
    joined.meeting.compare("data", _describe(model) if model else {}, error)
    assert model is not None
    return model, note


def _describe(model: GCGen) -> dict[str, Any]:
    """Return what must be alike in all processes: the images, and what "auto" stands for."""
    dtype = find_dtype(model.config.precision, model.device)
    return {"precision": str(dtype), **describe_data(model)}


def pack(model: GCGen) -> bytes:
    """Return a model as the bytes of a checkpoint."""
    buffer = BytesIO()
    Checkpoint.of(model).save(buffer)
    return buffer.getvalue()


def load(content: bytes, settings: TrainSettings) -> GCGen:
    """Return the model of a checkpoint, on the data of this machine.

    Raises:
        ValueError: If the data do not fit.
        OSError: If they are missing.
    """
    model = GCGen.load(BytesIO(content), device=settings.device)
    config: Any = model.env_config
    if settings.environment.data_dir is not None:
        config = replace(config, data_dir=str(settings.environment.data_dir))
    model.set_env(config)
    return model


def find_launcher() -> str:
    """Return what identifies the launcher of this process, as long as that runs."""
    parent = psutil.Process(os.getppid())
    return f"{parent.pid} since {parent.create_time():.2f}"
