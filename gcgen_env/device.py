"""Names of torch devices."""

from __future__ import annotations

import torch


def resolve_device(name: str) -> str:
    """Return "cuda" or "cpu" for "auto", else the name itself.

    Raises:
        ValueError: If torch has no such device, or there is no CUDA device here.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:  # raised by torch for unknown names
        raise ValueError(
            f"device must be 'cpu', 'cuda', 'cuda:0' or 'auto', got {name!r}"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name!r}: no CUDA device is available; use 'cpu' or 'auto'")
    return str(name)
