"""A study: which runs there are, where each leaves its results, and when they are complete."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agents.benchmark.contestants import CONTESTANTS
from gcgen_env.config import ENV_CONFIGS
from gcgen_env.model.saved import pretrained_path

RESULT = "result.json"
"""Figures that a seed reproduces; written last."""
TIMING = "timing.json"
"""Seconds and memory, which no seed reproduces."""
IMAGES = "images.safetensors"
"""Some goals, and what became of them."""
FAILURE = "failure.json"
"""Why a run failed."""


PROTOCOL = 1
"""To be raised when the same settings come to give other results."""


@dataclass(frozen=True)
class Run:
    """One algorithm, with its policy, on one environment, with one seed."""

    env: str
    """Id of the environment."""
    contestant: str
    """Name in `CONTESTANTS`."""
    seed: int
    """Of everything that is drawn while learning."""
    timesteps: int
    """Decisions to learn from."""
    episodes: int = 256
    """Episodes of an evaluation, on the test images; the same goals in every run."""
    evaluations: int = 10
    """Points of the learning curve before the last."""
    nucleus: float = 0.9
    """Prior mass of the valid proposals."""

    def to_json(self) -> dict[str, Any]:
        """Return everything that decides the results, the S-agent's weights included."""
        return {
            **asdict(self),
            "protocol": PROTOCOL,
            "task": vars(ENV_CONFIGS[self.env]),
            "weights": hash_weights(self.env),
            **CONTESTANTS[self.contestant].describe(),
        }

    @property
    def digest(self) -> str:
        """A hash of what decides the results."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:12]

    def folder(self, out: Path) -> Path:
        """Return where the results of this run are, or will be."""
        return out / "runs" / self.env / f"{self.contestant}-{self.seed}-{self.digest}"

    def is_complete(self, out: Path) -> bool:
        """Return whether the results are there; a folder takes its name only when they are."""
        return (self.folder(out) / RESULT).is_file()

    def failure(self, out: Path) -> str | None:
        """Return why this run failed; None if it did not, or was never tried."""
        path = self.folder(out) / FAILURE
        return json.loads(path.read_text())["error"] if path.is_file() else None


@cache
def hash_weights(env: str) -> str:
    """Return the hash of the S-agent that makes an environment what it is.

    Raises:
        ValueError: If the environment has no shipped S-agent.
    """
    if env not in ENV_CONFIGS:
        raise ValueError(f"unknown id {env!r}; ours are {', '.join(ENV_CONFIGS)}")
    dataset = ENV_CONFIGS[env].dataset
    if not isinstance(dataset, str):
        raise ValueError(f"{env!r} has no shipped S-agent, so that it is no fixed task")
    return hashlib.sha256(pretrained_path(dataset).read_bytes()).hexdigest()[:12]


def check_weights(out: Path, env: str) -> None:
    """Raise a ValueError if a study holds runs of an environment with another S-agent."""
    for path in sorted((out / "runs" / env).glob(f"[!.]*/{RESULT}")):  # hidden: not complete
        found = json.loads(path.read_text())["run"]["weights"]
        if found != hash_weights(env):
            raise ValueError(
                f"{path.parent} was made with the S-agent {found}, {env} has {hash_weights(env)} "
                "now: another proposer is another task, and their results do not compare; pass "
                "another --out"
            )


def plan(
    envs: Sequence[str], contestants: Sequence[str], seeds: int, timesteps: int, **options: Any
) -> list[Run]:
    """List the runs of a study, all contestants of a seed before the next seed.

    Raises:
        ValueError: If an environment or a contestant is unknown.
    """
    for name in contestants:
        if name not in CONTESTANTS:
            raise ValueError(f"unknown algorithm {name!r}; there are: {', '.join(CONTESTANTS)}")
    runs = []
    for env in envs:
        hash_weights(env)
        runs += [
            Run(env, name, seed, timesteps if CONTESTANTS[name].learns else 0, **options)
            for seed in range(seeds)
            for name in contestants
        ]
    return runs
