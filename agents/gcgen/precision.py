"""The precision in which proposals are scored during training."""

from __future__ import annotations

import torch

from agents.gcgen.config import Precision

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def find_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Return a precision as torch names it; "auto" is the faster one on a device."""
    if precision != "auto":
        return PRECISIONS[precision]
    if device.type == "cuda":
        with torch.cuda.device(device):  # emulation is slower than float32
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()  # private API
    return torch.bfloat16 if fast else torch.float32
