"""A study: its runs, the folder of each, and which of them are complete."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from agents.benchmark.contestant import Contestant
from agents.benchmark.contestants import find_contestant, select_contestants
from agents.benchmark.references import describe_task, find_references
from agents.benchmark.tasks import EPISODES, TRACKS, find_task
from gcgen_env.atomic_files import read_json

RESULT = "result.json"
"""Figures that the seed reproduces; written last."""
TIMING = "timing.json"
"""Durations and memory, which no seed reproduces."""
IMAGES = "images.safetensors"
"""Some goals and their final images."""
FAILURE = "failure.json"
"""The error of a failed run."""
PROTOCOL = 2
"""Version of the code; raise it when the same settings give other results."""


def hash_json(document: Any) -> str:
    """Return a short hash of JSON values."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Run:
    """One contestant on one environment with one seed."""

    env: str
    """Id of the environment."""
    contestant: str
    """A name in `CONTESTANTS`, or a class as "module:Class"."""
    seed: int
    """Seed of the training."""
    timesteps: int
    """Number of decisions of the training."""
    track: str = "previews"
    """Name in `TRACKS`."""
    episodes: int = EPISODES
    """Number of episodes of an evaluation, on test images; every run has the same goals."""
    evaluations: int = 10
    """Number of evaluations during the training; one more follows it."""

    split: ClassVar[str] = "test"
    """Split of the goals of the evaluations."""
    place: ClassVar[str] = "runs"
    """Folder of all runs within that of the study."""

    def make_contestant(self) -> Contestant:
        """Return the contestant with its hyperparameters."""
        return find_contestant(self.contestant)

    def env_kwargs(self) -> dict[str, Any]:
        """Return the keywords of the environments of the training and of the evaluation."""
        return {**find_task(self.env).env_kwargs, **TRACKS[self.track]}

    def to_json(self) -> dict[str, Any]:
        """Return everything that the results depend on, including the weights of the S-agent."""
        return {
            **asdict(self),
            "protocol": PROTOCOL,
            "task": describe_task(self.env),
            **self.make_contestant().describe(),
        }

    @property
    def digest(self) -> str:
        """A hash of everything that the results depend on."""
        return hash_json(self.to_json())

    def folder(self, out: Path) -> Path:
        """Return the folder of this run's results."""
        return out / self.place / self.env / self.track / self.name_folder(self.digest)

    def name_folder(self, digest: str) -> str:
        """Return the name of the folder of a run with a digest."""
        return f"{self.contestant.replace(':', '.')}-{self.seed}-{digest}"

    def is_complete(self, out: Path) -> bool:
        """Return whether the results exist; the folder gets its name when all of them do."""
        return (self.folder(out) / RESULT).is_file()

    def failure(self, out: Path) -> str | None:
        """Return the error of this run; None if it did not fail, or was not executed."""
        path = self.folder(out) / FAILURE
        if not path.is_file():
            return None
        try:
            return str(read_json(path)["error"])
        except (LookupError, OSError, ValueError) as error:  # it failed, but why is lost
            return f"{path} is damaged: {error}"


def check_tasks(out: Path, env: str) -> None:
    """Raise a ValueError if a study contains runs of an id that was another task then."""
    now = describe_task(env)
    for path in sorted((out / "runs" / env).glob(f"*/[!.]*/{RESULT}")):  # hidden: incomplete
        try:
            found = read_json(path)["run"]["task"]
        except (LookupError, OSError, TypeError, ValueError):
            continue  # a damaged run counts in no table
        if found != now:
            names = [
                key for key in now if not isinstance(found, dict) or found.get(key) != now[key]
            ]
            raise ValueError(
                f"{path.parent} was made with another task: {', '.join(names)} of {env} changed "
                "since; its results cannot be compared, so pass another --out"
            )


def find_runs(
    out: Path, envs: Sequence[str], timesteps: int, tracks: Sequence[str], **options: Any
) -> tuple[list[Run], int]:
    """List the complete runs in a folder that can stand in one table with those of a plan.

    They may be of any contestant and seed. Task, protocol, hyperparameters and numbers of
    decisions, episodes and evaluations are those that `plan` would give them.

    Args:
        out: Folder of the study.
        envs: Ids of tasks.
        timesteps: Number of decisions of each training, as in `plan`.
        tracks: Names of tracks.
        **options: Other fields of `Run`.

    Returns:
        The runs, and how many others there are in these tasks and tracks.
    """
    found = []
    for env in envs:
        for track in tracks:
            paths = sorted((out / "runs" / env / track).glob(f"[!.]*/{RESULT}"))
            found += [_recognise(path, env, timesteps, track, **options) for path in paths]
    runs = [run for run in found if run is not None]
    return runs, len(found) - len(runs)


def _recognise(path: Path, env: str, timesteps: int, track: str, **options: Any) -> Run | None:
    """Return the run of a result, if the same settings would give it that folder today."""
    try:
        document = read_json(path)["run"]
        name, seed = document["contestant"], document["seed"]
        run = Run(env, name, seed, find_contestant(name).limit(timesteps), track, **options)
        return run if run.folder(Path()).name == path.parent.name else None
    except (AttributeError, LookupError, OSError, TypeError, ValueError):
        return None  # damaged, or of a class that is no longer there


def plan(
    envs: Sequence[str],
    patterns: Sequence[str],
    seeds: int,
    timesteps: int,
    tracks: Sequence[str] = tuple(TRACKS),
    **options: Any,
) -> list[Run]:
    """List the runs of a study: all contestants with one seed before the next seed.

    Args:
        envs: Ids of tasks.
        patterns: Names of contestants, patterns such as "*ppo*", or classes as "module:Class".
        seeds: Number of seeds: 0, 1, ...
        timesteps: Number of decisions of each training; contestants whose decisions are dear
            have a smaller limit of their own.
        tracks: Names of tracks; each contestant takes part in those that suit it.
        **options: Other fields of `Run`.

    Raises:
        ValueError: If a task or a track is unknown, or a pattern matches no contestant.
    """
    for env in envs:
        find_references(env)  # raises if the id is unknown
    for track in tracks:
        if track not in TRACKS:
            raise ValueError(f"unknown track {track!r}, expected one of {', '.join(TRACKS)}")
    contestants = select_contestants(patterns)
    return [
        Run(env, each.name, seed, each.limit(timesteps), track, **options)
        for env in envs
        for track in tracks
        for seed in range(seeds)
        for each in contestants
        if each.takes_part(env, track)
    ]
