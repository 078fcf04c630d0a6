"""Starts a training run, or continues one, as the options of `gcgen train` say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agents.cli.checks import check_at_least, reading_input
from agents.cli.run_folder import RunFolder, RunRecord
from agents.cli.session import Budget, Session
from agents.cli.settings import TrainSettings
from agents.cli.tracking import make_tracker, remake_tracker
from agents.common.provenance import describe_machine, find_command, find_device
from agents.common.versions import find_versions
from agents.gcgen import GCGen

DEFAULT_MINUTES = 3.0
_FREE_ON_RESUME = (
    "minutes",
    "timesteps",
    "out",
    "config",
    "resume",
    "overwrite",
    "device",
    "threads",
    "processes",
    "max_restarts",
)
Introduce = Callable[[Session], object]
"""What is to be done with a session before anything is written."""


def start(
    settings: TrainSettings, folder: RunFolder, introduce: Introduce = lambda session: None
) -> int:
    """Train a new model; return the exit code.

    Raises:
        InputError: If an option is out of range, or the folder already has a run.
        OSError: If another process writes the folder, or it cannot be written.
    """
    with reading_input():
        _check_free(settings, folder)
        minutes = settings.minutes
        if minutes is None and settings.timesteps is None:
            minutes = DEFAULT_MINUTES
        budget = Budget(minutes, settings.timesteps)
        record = _make_record(settings.to_json(), budget, find_command())
        tracker = make_tracker(record, folder.path.name)
        session = Session(folder, make_model(settings, folder), budget, record, tracker)
    with folder.locked():
        with reading_input():
            _check_free(settings, folder)  # again: now nobody else can begin a run
            introduce(session)
        session.save(is_new=True)
        folder.clear_logs()
        _say_batch(session.model)
        return session.run()


def _check_free(settings: TrainSettings, folder: RunFolder) -> None:
    """Raise a ValueError if a folder has a run, or other files, that would be overwritten."""
    if settings.overwrite:
        return
    if folder.has_run:
        raise ValueError(
            f"{folder.path} already has a run: continue it with --resume, start a new one with "
            "--overwrite, or choose another --out"
        )
    if found := folder.find_others():
        raise ValueError(
            f"{found[0]} is in the way of a new run: replace it with --overwrite, or choose "
            "another --out"
        )


def make_model(settings: TrainSettings, folder: RunFolder) -> GCGen:
    """Build an untrained model that writes its logs to a folder."""
    check_at_least(1, n_envs=settings.optimisation.n_envs, gc_width=settings.gc_agent.gc_width)
    return GCGen(
        "GCPolicy",
        settings.env,
        **vars(settings.optimisation),
        **settings.s_agent.to_kwargs(),
        policy_kwargs=settings.gc_agent.to_kwargs(),
        env_kwargs=settings.environment.to_kwargs(),
        tensorboard_log=str(folder.tensorboard),
        seed=settings.seed,
        device=find_device(settings.device),
    )


def _say_batch(model: GCGen) -> None:
    """Print the batch, if it was chosen for this machine."""
    if model.batch_reason is not None:
        print(f"batch size {model.config.batch_size}: {model.batch_reason}", flush=True)


def resume(
    settings: TrainSettings, folder: RunFolder, introduce: Introduce = lambda session: None
) -> int:
    """Continue the run of a folder exactly where its checkpoint is; return the exit code.

    Raises:
        InputError: If its files are damaged, or a setting differs from the run's own.
        FileNotFoundError: If there is no run in the folder.
        OSError: If another process writes the folder, or it cannot be written.
    """
    with reading_input():
        folder.read()  # raises before anything is created
    with folder.locked():
        with reading_input():
            session = _load_session(settings, folder)
            introduce(session)
        session.save()  # from here on, with the new budget
        if session.model.num_timesteps == 0:  # killed as it began: the logs are of an older run
            folder.clear_logs()
        return session.run()


def _load_session(settings: TrainSettings, folder: RunFolder) -> Session:
    """Load the checkpoint of a run."""
    record = folder.read()
    own = record.settings
    _check_settings(settings.to_json(), own)
    try:
        budget = Budget(own["minutes"], own["timesteps"])
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{folder.model} is damaged: the budget of the run, {error}") from error
    budget = Budget(settings.minutes or budget.minutes, settings.timesteps or budget.timesteps)
    device, log = find_device(settings.device), str(folder.tensorboard)
    model = GCGen.load(folder.model, device=device, tensorboard_log=log)
    try:
        model.set_env(model.env_config)
    except (TypeError, ValueError) as error:  # other data now, or the file contradicts itself
        raise ValueError(f"{folder.model} does not fit its environment: {error}") from error
    folder.read_best()  # raises if it is damaged
    command = " && ".join(filter(None, (record.command, find_command())))
    resumed = replace(
        _make_record(own, budget, command),
        minutes=record.minutes,
        initial_bound=record.initial_bound,
        best=record.best,
        is_fitted=record.is_fitted,
        discarded=record.discarded,
        tracked_as=record.tracked_as,
    )
    return Session(folder, model, budget, resumed, remake_tracker(resumed, folder.path.name))


def _check_settings(given: dict[str, Any], own: dict[str, Any]) -> None:
    """Raise if a setting given with --resume differs from both the default and the run's own.

    Settings are compared by name, because runs saved by earlier versions group them differently.
    """
    given, defaults, recorded = map(flatten, (given, TrainSettings().to_json(), own))
    for name, value in given.items():
        usual, saved = defaults[name], recorded.get(name)
        if name not in _FREE_ON_RESUME and value not in (usual, saved):
            own_value = "the default" if saved is None else saved
            raise ValueError(
                f"--resume continues with the run's own settings, and its {name} is {own_value}, "
                f"not {value}: leave it out, or start a new run"
            )


def flatten(groups: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of all groups in one dict."""
    flat: dict[str, Any] = {}
    for name, value in groups.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


def _make_record(settings: dict[str, Any], budget: Budget, command: str) -> RunRecord:
    """Return the settings of a run, with the commands, versions and machine that make it."""
    return RunRecord(
        settings={**settings, **vars(budget)},
        command=command,
        versions=find_versions(),
        machine=describe_machine(),
    )
