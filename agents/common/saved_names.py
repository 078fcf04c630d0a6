"""The name of a saved file: SB3 adds `.zip` to some names, this library to none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SUFFIX = ".zip"


def find_saved(source: Any) -> Any:
    """Return the file that a user means who gives its name with or without `.zip`.

    SB3's callbacks name a model "best_model" or "rl_model_100_steps.zip". `save` keeps the name
    that it is given. `load` tries the name, then the name with `.zip` added or removed.

    Args:
        source: A path; a file object is returned as it is.
    """
    if not isinstance(source, str | Path):
        return source
    path = Path(source)
    other = path.with_suffix("") if path.suffix == SUFFIX else Path(f"{path}{SUFFIX}")
    return other if other.is_file() and not path.exists() else source
