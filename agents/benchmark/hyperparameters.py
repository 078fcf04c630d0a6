"""The hyperparameters that `gcgen tune` has found: the file that ships, and who uses it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from agents.benchmark.contestant import Contestant
from agents.benchmark.search_spaces import is_inside
from gcgen_env.atomic_files import read_json

FILE = Path(__file__).with_name("hyperparameters.json")
"""The hyperparameters that ship, by contestant; who is not there keeps the defaults."""


def read_hyperparameters(path: Path) -> dict[str, dict[str, Any]]:
    """Return the entries of a file by contestant; of an absent file none.

    Raises:
        ValueError: If the file is damaged.
    """
    entries = read_json(path) if path.is_file() else {}
    for name, entry in entries.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("settings"), dict):
            raise ValueError(f"{path} is damaged: expected an object of settings for {name!r}")
    return entries


@cache  # what is used does not change while a study runs
def read_shipped() -> dict[str, dict[str, Any]]:
    """Return the entries that ship, or raise a ValueError if the file is damaged."""
    return read_hyperparameters(FILE)


def use_hyperparameters(contestant: Contestant, path: Path | None = None) -> Contestant:
    """Return a contestant with its hyperparameters of a file, or as it is without any.

    Args:
        contestant: The contestant with other hyperparameters.
        path: The file; None for the one that ships.

    Raises:
        ValueError: If the file is damaged, or it has a value that is not in the search space.
    """
    entries = read_shipped() if path is None else read_hyperparameters(path)
    settings, path = entries.get(contestant.name, {}).get("settings", {}), path or FILE
    for name, value in settings.items():
        if name not in contestant.space:
            known = ", ".join(contestant.space) or "none"
            raise ValueError(
                f"{path}: {contestant.name!r} has no hyperparameter {name!r}; it has {known}"
            )
        if not is_inside(value, contestant.space[name]):
            raise ValueError(
                f"{path}: {name}={value!r:.99} of {contestant.name!r} is not in its range "
                f"{contestant.space[name]}"
            )
    return contestant.configure(settings) if settings else contestant
