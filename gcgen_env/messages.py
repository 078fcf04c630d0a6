"""How error messages show wrong values."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

_SMALL = 16  # longest array that is shown with its values
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _SMALL


def show(value: Any) -> str:
    """Describe any value in a short line."""
    if isinstance(value, np.ndarray) and (value.ndim != 1 or value.size > _SMALL):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    try:
        text = _REPR.repr(value.tolist() if isinstance(value, np.ndarray) else value)
    except Exception:  # a value whose own repr fails
        text = f"a {type(value).__name__}"
    return " ".join(text.split())
