"""Classes that a conditional S-agent is given: checked, and repeated for the states of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def check_labels(label: Any, num_classes: int, device: torch.device | str) -> Tensor | None:
    """Return classes as int64, shape () or (N,); None stays None.

    Args:
        label: One class or a sequence of them; in a tensor, -1 stands for no class.
        num_classes: Classes that the S-agent knows; 0 if it is unconditional.
        device: Where to put them.

    Raises:
        ValueError: If a class is out of range, or the S-agent is unconditional.
    """
    if label is None:
        return None
    if not num_classes:
        raise ValueError(
            "label= needs a conditional S-agent, and this one was trained without labels: train "
            "with condition='label'"
        )
    array = label.cpu().numpy() if isinstance(label, Tensor) else np.asarray(label)
    least = -1 if isinstance(label, Tensor) else 0
    is_integer = np.issubdtype(array.dtype, np.integer) and array.ndim < 2 and array.size
    if not is_integer or not least <= array.min() <= array.max() < num_classes:
        shown = array.tolist() if array.size < 10 else f"{array.min()}..{array.max()}"
        raise ValueError(f"label must be an integer in [0, {num_classes}), got {shown!r:.99}")
    return torch.tensor(array, dtype=torch.int64, device=device)  # a copy: it may be read-only


def repeat_labels(label: Tensor, num: int) -> Tensor:
    """Return the classes (num,) of states, from () or (N,); those of one image are adjacent.

    Raises:
        ValueError: If the number of states is no multiple of N.
    """
    if label.ndim == 0:
        return label.expand(num)
    if num % len(label):
        raise ValueError(f"{num} states cannot have {len(label)} labels: use one label for all")
    return label.repeat_interleave(num // len(label))
