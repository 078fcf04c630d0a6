"""Trials of variants: their names and folders, and the settings that they were run with."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gcgen_env.atomic_files import write_json

RESULT = "result.json"
"""File in the folder of a trial, written last: a trial with this file is complete."""


def folder_of(out: Path, name: str, seed: int) -> Path:
    """Return the folder of one trial."""
    return out / f"{re.sub('[^a-z0-9.]+', '-', name.lower())}-{seed}"


def choose_names(known: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names of variants that match one of the patterns.

    Raises:
        ValueError: If no name matches a pattern.
    """
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in known):
            raise ValueError(f"no variant matches {pattern!r}; the variants are {', '.join(known)}")
    return [name for name in known if any(fnmatch(name, pattern) for pattern in patterns)]


def is_done(folder: Path, options: dict[str, Any]) -> bool:
    """Return whether a trial has finished; raise a ValueError if it had other options."""
    path = folder / RESULT
    if not path.is_file():
        return False
    check_same(folder, json.loads(path.read_text())["options"], options)
    return True


def record_settings(out: Path, settings: dict[str, Any]) -> None:
    """Record what is measured in this folder, or check that it is what was recorded."""
    path = out / "measurement.json"
    if path.is_file():
        check_same(out, json.loads(path.read_text()), settings)
    write_json(path, settings)


def check_same(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise a ValueError if a folder was run with other settings; tuples equal JSON's lists."""
    wanted = json.loads(json.dumps(wanted))
    other = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
    if other:
        old, new = ({name: each.get(name) for name in other} for each in (found, wanted))
        raise ValueError(f"{folder} was run with {old}, not {new}: pass another --out")
