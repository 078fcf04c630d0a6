"""Names of torch devices."""

from __future__ import annotations

import torch

from gcgen_env.messages import show


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
            f"device must be 'cpu', 'cuda', 'cuda:0' or 'auto', got {show(name)}"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name!r}: no CUDA device is available; use 'cpu' or 'auto'")
    try:
        torch.zeros(1, device=device).cpu()  # fails for "meta", which holds no values
    except (RuntimeError, AssertionError) as error:  # NotImplementedError is a RuntimeError
        reason = str(error).partition("\n")[0].partition(" with ")[0]
        raise ValueError(
            f"device={name!r} cannot be used here ({reason}): use 'cpu' or 'auto'"
        ) from error
    return str(name)
