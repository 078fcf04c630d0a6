"""A study: its runs, the folder of each, and which of them are complete."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agents.benchmark.contestants import CONTESTANTS
from gcgen_env.atomic_files import read_json
from gcgen_env.model.s_agent import pretrained_path
from gcgen_env.tasks import ENV_CONFIGS

RESULT = "result.json"
"""Figures that the seed reproduces; written last."""
TIMING = "timing.json"
"""Durations and memory, which no seed reproduces."""
IMAGES = "images.safetensors"
"""Some goals and their final images."""
FAILURE = "failure.json"
"""The error of a failed run."""
IRRELEVANT = ("max_bytes",)
"""Settings of an environment that change no result, and so no run."""
PROTOCOL = 1
"""Version of the code; raise it when the same settings give other results."""


@dataclass(frozen=True)
class Run:
    """One contestant on one environment with one seed."""

    env: str
    """Id of the environment."""
    contestant: str
    """Name in `CONTESTANTS`."""
    seed: int
    """Seed of the training."""
    timesteps: int
    """Number of decisions of the training."""
    episodes: int = 256
    """Number of episodes of an evaluation, on test images; every run has the same goals."""
    evaluations: int = 10
    """Number of evaluations during the training; one more follows it."""
    nucleus: float = 0.9
    """Prior mass of the valid proposals."""

    def to_json(self) -> dict[str, Any]:
        """Return everything that the results depend on, including the weights of the S-agent."""
        return {
            **asdict(self),
            "protocol": PROTOCOL,
            "task": {k: v for k, v in vars(ENV_CONFIGS[self.env]).items() if k not in IRRELEVANT},
            "weights": hash_weights(self.env),
            **CONTESTANTS[self.contestant].describe(),
        }

    @property
    def digest(self) -> str:
        """A hash of everything that the results depend on."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:12]

    def folder(self, out: Path) -> Path:
        """Return the folder of this run's results."""
        return out / "runs" / self.env / f"{self.contestant}-{self.seed}-{self.digest}"

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


@cache  # shipped weights do not change while a study runs
def hash_weights(env: str) -> str:
    """Return the hash of the S-agent that is shipped for an environment.

    Raises:
        ValueError: If the id is unknown, or no S-agent is shipped for it.
    """
    if env not in ENV_CONFIGS:
        raise ValueError(f"unknown id {env!r}, expected one of {', '.join(ENV_CONFIGS)}")
    dataset = ENV_CONFIGS[env].dataset
    if not isinstance(dataset, str):
        raise ValueError(f"{env!r} is not a fixed task: no shipped S-agent belongs to it")
    return hashlib.sha256(pretrained_path(dataset).read_bytes()).hexdigest()[:12]


def check_weights(out: Path, env: str) -> None:
    """Raise a ValueError if a study contains runs of an environment with another S-agent."""
    for path in sorted((out / "runs" / env).glob(f"[!.]*/{RESULT}")):  # hidden folders: incomplete
        try:
            found = read_json(path)["run"]["weights"]
        except (LookupError, OSError, TypeError, ValueError):
            continue  # a damaged run counts in no table
        if found != hash_weights(env):
            raise ValueError(
                f"{path.parent} was made with the S-agent {found}, but {env} has the S-agent "
                f"{hash_weights(env)} now: another proposer is another task, whose results "
                "cannot be compared; pass another --out"
            )


def plan(
    envs: Sequence[str], patterns: Sequence[str], seeds: int, timesteps: int, **options: Any
) -> list[Run]:
    """List the runs of a study: all contestants with one seed before the next seed.

    Args:
        envs: Ids of the environments.
        patterns: Names of contestants, or patterns such as "*ppo*".
        seeds: Number of seeds: 0, 1, ...
        timesteps: Number of decisions of each training.
        **options: Other fields of `Run`.

    Raises:
        ValueError: If an environment is unknown, or a pattern matches no contestant.
    """
    for pattern in patterns:
        if not fnmatch.filter(CONTESTANTS, pattern):
            known = ", ".join(CONTESTANTS)
            raise ValueError(f"unknown algorithm {pattern!r}; known algorithms: {known}")
    for env in envs:
        hash_weights(env)  # raises if the id is unknown
    return [
        Run(env, name, seed, timesteps if contestant.learns else 0, **options)
        for env in envs
        for seed in range(seeds)
        for name, contestant in CONTESTANTS.items()
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    ]
