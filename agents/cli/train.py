"""`gcgen train`: train both agents, or continue a run."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from agents.cli.checks import check_at_least
from agents.cli.run_folder import RunFolder, RunState, write_json
from agents.cli.session import Budget, Session
from agents.cli.settings import (
    EnvironmentSettings,
    GCAgentSettings,
    OptimisationSettings,
    SAgentSettings,
)
from agents.common.provenance import describe_machine, find_device, find_versions, set_threads
from agents.gcgen import GCGen
from gcgen_env.vector_env import GCGenVectorEnv

DEFAULT_MINUTES = 3.0
_FREE_ON_RESUME = ("minutes", "timesteps", "out", "resume", "overwrite", "device", "threads")


@dataclass(frozen=True)
class Train:
    """Train GC-agent and S-agent together; Ctrl-C keeps a checkpoint that --resume continues."""

    env: str = "GCGen-Digits-v0"
    """Id of an environment; `gcgen info` lists them."""
    minutes: float | None = None
    """Time to train; 3 if --timesteps is left out too. Given both, whichever ends first."""
    timesteps: int | None = None
    """Decisions to make, over all trajectories."""
    out: Path | None = None
    """Folder of the run; runs/<short id>-<seed> if left out."""
    seed: int = 0
    """One seed reproduces a run of a given number of timesteps."""
    resume: Annotated[tuple[Path, ...] | None, tyro.conf.arg(metavar="[FOLDER]")] = None
    """Continue the run in a folder, or in --out, with its own settings and budget; --minutes and
    --timesteps change the budget of the whole run."""
    overwrite: bool = False
    """Begin anew in a folder that already has a run."""
    device: str = "auto"
    """Torch device."""
    threads: int | None = None
    """Threads of torch; left alone if not given."""
    environment: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    """What the agents learn from; what is left out is the id's own."""
    s_agent: SAgentSettings = field(default_factory=SAgentSettings)
    """The generative model."""
    gc_agent: GCAgentSettings = field(default_factory=GCAgentSettings)
    """The selection among proposals: log q = prior + look-ahead + learned score."""
    optimisation: OptimisationSettings = field(default_factory=OptimisationSettings)
    """How both are trained."""

    def run(self) -> int:
        """Run the command; returns its exit code."""
        check_at_least("seed", self.seed, 0)
        set_threads(self.threads)
        return (start_session if self.resume is None else resume_session)(self).run()

    def find_folder(self) -> RunFolder:
        """Return the folder of the run.

        Raises:
            ValueError: If --resume names several, or another than --out.
        """
        named = self.resume or ()
        if len(named) > 1 or (named and self.out not in (None, named[0])):
            raise ValueError("--resume continues one run: name its folder once")
        short = self.env.removeprefix("gcgen_env:").removeprefix("GCGen-").removesuffix("-v0")
        default = Path("runs") / f"{short.lower()}-{self.seed}"
        return RunFolder(named[0] if named else self.out or default)


def start_session(settings: Train) -> Session:
    """Make a new model and its folder.

    Raises:
        ValueError: If an option is out of range, or the folder has a run already.
    """
    folder = settings.find_folder()
    if folder.config.exists() and not settings.overwrite:
        raise ValueError(
            f"{folder.path} already has a run: continue it with --resume, begin anew with "
            "--overwrite, or choose another --out"
        )
    minutes = settings.minutes
    if minutes is None and settings.timesteps is None:
        minutes = DEFAULT_MINUTES
    budget = Budget(minutes, settings.timesteps)
    model = make_model(settings, folder)
    session = Session(folder, model, budget, RunState())
    _write_config(folder, to_json(settings), budget)
    return session


def make_model(settings: Train, folder: RunFolder) -> GCGen:
    """Make an untrained model that logs to a folder."""
    optimisation = settings.optimisation
    check_at_least("n-envs", optimisation.n_envs, 1)
    return GCGen(
        "GCPolicy",
        settings.env,
        **vars(optimisation),
        **settings.s_agent.to_kwargs(),
        policy_kwargs=settings.gc_agent.to_kwargs(),
        env_kwargs=settings.environment.to_kwargs(),
        tensorboard_log=str(folder.tensorboard),
        seed=settings.seed,
        device=find_device(settings.device),
    )


def resume_session(settings: Train) -> Session:
    """Load the checkpoint of a run; goals and choices to come are drawn afresh.

    Raises:
        FileNotFoundError: If there is no run in the folder.
        ValueError: If its files are damaged, or a setting is not the run's own.
    """
    folder = settings.find_folder()
    config, state = folder.read_config(), folder.read_state()
    try:
        _check_settings(to_json(settings), config["settings"])
        minutes, timesteps = config["settings"]["minutes"], config["settings"]["timesteps"]
        seed = (config["settings"]["seed"] + state.timesteps) % 2**32
    except (LookupError, TypeError) as error:
        raise ValueError(f"{folder.config} is damaged: no {error}") from error
    budget = Budget(settings.minutes or minutes, settings.timesteps or timesteps)
    device = find_device(settings.device)
    log = str(folder.tensorboard)
    model = GCGen.load(folder.model, device=device, tensorboard_log=log)
    options = {**vars(model.env_config), "proposer": "dictionary"}
    model.set_env(GCGenVectorEnv(model.n_envs, autoreset_mode="SameStep", **options))
    model.set_random_seed(seed)
    session = Session(folder, model, budget, state)
    _write_config(folder, config["settings"], budget, config.get("command"))
    return session


def to_json(settings: Train) -> dict[str, Any]:
    """Return every setting as JSON values, in groups."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    return plain(asdict(settings))


def _check_settings(given: dict[str, Any], own: dict[str, Any]) -> None:
    """Raise if a setting given with --resume is neither the default nor the run's own."""
    for name, value in _flatten(given).items():
        usual, recorded = (_flatten(group).get(name) for group in (to_json(Train()), own))
        if name not in _FREE_ON_RESUME and value not in (usual, recorded):
            raise ValueError(
                f"--resume continues with the run's own settings, and its {name} is {recorded}, "
                f"not {value}: leave it out, or start a new run"
            )


def _flatten(groups: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of all groups in one dict."""
    flat: dict[str, Any] = {}
    for name, value in groups.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


def _write_config(
    folder: RunFolder, settings: dict[str, Any], budget: Budget, earlier: str | None = None
) -> None:
    """Write what made the run; the commands that resumed it follow the one that began it."""
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    if earlier is not None:
        command = f"{earlier} && {command}"
    document = {
        "settings": {**settings, **vars(budget)},
        "command": command,
        "versions": find_versions(),
        "machine": describe_machine(),
    }
    write_json(folder.config, document)
