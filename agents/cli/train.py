"""`gcgen train`: train both agents, or continue a run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from agents.cli.checks import check_at_least, reading_input
from agents.cli.run_folder import RunFolder, RunState
from agents.cli.session import Budget, Session
from agents.cli.settings import EnvironmentSettings, GCAgentSettings, SAgentSettings
from agents.common.provenance import (
    describe_machine,
    find_command,
    find_device,
    find_versions,
    set_threads,
)
from agents.gcgen import GCGen
from agents.gcgen.config import GCGenConfig
from gcgen_env.atomic_files import write_json

DEFAULT_MINUTES = 3.0
_FREE_ON_RESUME = ("minutes", "timesteps", "out", "resume", "overwrite", "device", "threads")


@dataclass(frozen=True)
class Train:
    """Train GC-agent and S-agent together; Ctrl-C keeps a checkpoint that --resume continues."""

    env: str = "GCGen-Digits-v0"
    """Id of an environment; `gcgen info` lists them."""
    minutes: float | None = None
    """Training time; 3 without --timesteps. With both, the first limit that is reached counts."""
    timesteps: int | None = None
    """Number of decisions, summed over all trajectories."""
    out: Path | None = None
    """Folder of the run; by default runs/<short id>-<seed>."""
    seed: int = 0
    """Seed of the run; it reproduces a run with a given number of timesteps."""
    resume: Annotated[tuple[Path, ...] | None, tyro.conf.arg(metavar="[FOLDER]")] = None
    """Continue the run in a folder, or in --out, with its own settings and budget;
    --minutes and --timesteps change the budget of the whole run."""
    overwrite: bool = False
    """Start a new run in a folder that already has one."""
    device: str = "auto"
    """Torch device."""
    threads: int | None = None
    """Number of torch's threads; by default it is left as it is."""
    environment: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    s_agent: SAgentSettings = field(default_factory=SAgentSettings)
    gc_agent: GCAgentSettings = field(default_factory=GCAgentSettings)
    optimisation: GCGenConfig = field(default_factory=GCGenConfig)
    """How both agents are trained."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        with reading_input():
            check_at_least(0, seed=self.seed)
            set_threads(self.threads)
            session = (start_session if self.resume is None else resume_session)(self)
        return session.run()

    def find_folder(self) -> RunFolder:
        """Return the folder of the run.

        Raises:
            ValueError: If --resume names several folders, or another folder than --out.
        """
        named = self.resume or ()
        if len(named) > 1 or (named and self.out not in (None, named[0])):
            raise ValueError("--resume continues one run: name its folder once")
        short = self.env.removeprefix("gcgen_env:").removeprefix("GCGen-").removesuffix("-v0")
        default = Path("runs") / f"{short.lower()}-{self.seed}"
        return RunFolder(named[0] if named else self.out or default)


def start_session(settings: Train) -> Session:
    """Build a new model and create its folder.

    Raises:
        ValueError: If an option is out of range, or the folder already has a run.
    """
    folder = settings.find_folder()
    if folder.config.exists() and not settings.overwrite:
        raise ValueError(
            f"{folder.path} already has a run: continue it with --resume, start a new one with "
            "--overwrite, or choose another --out"
        )
    minutes = settings.minutes
    if minutes is None and settings.timesteps is None:
        minutes = DEFAULT_MINUTES
    budget = Budget(minutes, settings.timesteps)
    session = Session(folder, make_model(settings, folder), budget, RunState())
    _write_config(folder, to_json(settings), budget, find_command())  # after every check
    return session


def make_model(settings: Train, folder: RunFolder) -> GCGen:
    """Build an untrained model that writes its logs to a folder."""
    check_at_least(1, n_envs=settings.optimisation.n_envs)
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


def resume_session(settings: Train) -> Session:
    """Load the checkpoint of a run; its random numbers do not repeat those before.

    Raises:
        FileNotFoundError: If there is no run in the folder.
        ValueError: If its files are damaged, or a setting differs from the run's own.
    """
    folder = settings.find_folder()
    config, state = folder.read_config(), folder.read_state()
    try:
        own = config["settings"]
        _check_settings(to_json(settings), own)
        budget = Budget(settings.minutes or own["minutes"], settings.timesteps or own["timesteps"])
        seed = (own["seed"] + state.timesteps) % 2**32  # neither goals nor choices repeat
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError(f"{folder.config} is damaged: no {error}") from error
    device, log = find_device(settings.device), str(folder.tensorboard)
    model = GCGen.load(folder.model, device=device, tensorboard_log=log)
    model.set_env(model.env_config)
    model.set_random_seed(seed)
    session = Session(folder, model, budget, state)
    command = " && ".join(filter(None, (config.get("command"), find_command())))
    _write_config(folder, own, budget, command)
    return session


def to_json(settings: Train) -> dict[str, Any]:
    """Return every setting as JSON values, in groups; paths become strings."""
    return json.loads(json.dumps(asdict(settings), default=str))


def _check_settings(given: dict[str, Any], own: dict[str, Any]) -> None:
    """Raise if a setting given with --resume differs from both the default and the run's own.

    Settings are compared by name, because runs saved by earlier versions group them differently.
    """
    given, defaults, recorded = map(_flatten, (given, to_json(Train()), own))
    for name, value in given.items():
        usual, saved = defaults[name], recorded.get(name)
        if name not in _FREE_ON_RESUME and value not in (usual, saved):
            raise ValueError(
                f"--resume continues with the run's own settings, and its {name} is {saved}, "
                f"not {value}: leave it out, or start a new run"
            )


def _flatten(groups: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of all groups in one dict."""
    flat: dict[str, Any] = {}
    for name, value in groups.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


def _write_config(
    folder: RunFolder, settings: dict[str, Any], budget: Budget, command: str
) -> None:
    """Write the settings of a run, with the commands, versions and machine that made it."""
    document = {
        "settings": {**settings, **vars(budget)},
        "command": command,
        "versions": find_versions(),
        "machine": describe_machine(),
    }
    write_json(folder.config, document)
