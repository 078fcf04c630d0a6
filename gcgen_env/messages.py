"""How error messages show wrong values."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

_SMALL = 16  # longest array that is shown with its values


def show(value: Any) -> str:
    """Describe any value in a short line."""
    if isinstance(value, np.ndarray) and (value.ndim != 1 or value.size > _SMALL):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    try:
        text = reprlib.repr(value.tolist() if isinstance(value, np.ndarray) else value)
    except Exception:  # a value whose own repr fails
        text = f"a {type(value).__name__}"
    return " ".join(text.split())
