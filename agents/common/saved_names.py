"""The name of a saved file: SB3 adds `.zip` to some names, this library to none."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

MODEL_NAME = "model.gcgen"
"""Name of the model in the folder of a run."""


def find_saved(source: Any, suffix: str = ".zip") -> Any:
    """Return the file that a user means who names a run, or adds or omits SB3's suffix.

    SB3's callbacks name a model "best_model" or "rl_model_100_steps.zip". `save` keeps the name
    that it is given. `load` tries the name, then the name with the suffix added or removed. The
    folder of a run stands for the model in it.

    Args:
        source: A path; a file object is returned as it is.
        suffix: What SB3 adds.

    Raises:
        TypeError: If it is neither.
    """
    check_file(source)
    if not isinstance(source, str | os.PathLike):
        return source
    path = Path(source)
    if (path / MODEL_NAME).is_file():
        return path / MODEL_NAME
    other = path.with_suffix("") if path.suffix == suffix else Path(f"{path}{suffix}")
    return other if other.is_file() and not path.exists() else source


def check_file(file: Any, writing: bool = False) -> None:
    """Check that something is a path, or a file object that holds bytes.

    Raises:
        TypeError: If it is neither.
        ValueError: If it is closed, or open in the other direction.
    """
    if isinstance(file, io.TextIOBase):
        raise TypeError("a saved file holds bytes: open it in binary mode, such as 'wb' or 'rb'")
    if not isinstance(file, str | os.PathLike) and not hasattr(file, "read"):
        name = type(file).__name__
        raise TypeError(f"expected a path or a file object that is open in binary mode, got {name}")
    is_open = getattr(file, "writable" if writing else "readable", lambda: True)
    if not is_open():
        raise ValueError(
            f"the file object is not open for {'writing' if writing else 'reading'}: open it in "
            f"mode {'wb' if writing else 'rb'!r}"
        )
