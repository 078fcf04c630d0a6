"""hyperparameters.json of a tuning: the best settings so far, and where they come from."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock

from agents.benchmark.hyperparameters import FILE, read_shipped
from agents.benchmark.tuning import Search
from agents.common.provenance import find_commit
from gcgen_env.atomic_files import read_json, write_json


def find_file(out: Path) -> Path:
    """Return the path of the file in the folder of a tuning."""
    return out / FILE.name


def describe(search: Search) -> dict[str, Any]:
    """Return the entry of a contestant, of which at least trial 0 has ended."""
    present = read_shipped().get(search.contestant.name, {}).get("settings", {})
    protocol, best = search.protocol, search.best
    return {
        "settings": present | best.settings,
        "score": best.score,
        "default_score": search.trials[0].score,
        "best_trial": search.trials.index(best),
        "trials": len(search.trials),
        "failed_trials": sum(trial.score is None for trial in search.trials),
        "timesteps": search.contestant.limit(protocol.timesteps),
        "envs": search.envs,
        "track": search.track,
        "episodes": protocol.episodes,
        "seed": protocol.seed,
        "commit": find_commit(),
        "optuna": version("optuna"),
    }


def update(search: Search, out: Path) -> None:
    """Write the entry of a contestant beside those of others, which other processes may write.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If the file is damaged.
    """
    path = find_file(out)
    with FileLock(out / ".lock"):
        known = read_json(path) if path.is_file() else {}
        write_json(path, {**known, search.contestant.name: describe(search)})
