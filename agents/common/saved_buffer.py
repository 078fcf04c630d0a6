"""Replay buffers that are saved without pickle: their filled part, as tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from torch import Tensor

KIND = "replay-buffer"
"""Kind of container that holds a buffer."""


def pack_buffer(buffer: ReplayBuffer) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the transitions of a buffer as a JSON document and named tensors.

    Raises:
        ValueError: If it holds the environments' infos, which are objects.
    """
    if getattr(buffer, "copy_info_dict", False):
        raise ValueError(
            "a buffer with copy_info_dict=True holds objects, which cannot be saved without "
            "pickle; GoalReplayBuffer needs no infos"
        )
    count = buffer.buffer_size if buffer.full else buffer.pos  # filled rows
    document = {
        "class": type(buffer).__name__,
        "pos": int(buffer.pos),
        "full": bool(buffer.full),
    }
    return document, {
        name: torch.from_numpy(array[:count] if _has_rows(buffer, array) else array)
        for name, array in _list_arrays(buffer)
    }


def fill_buffer(buffer: ReplayBuffer, document: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Put saved transitions into a buffer, which is left as it was if they do not fit.

    Args:
        buffer: Has the same class and the same number of environments. Its size may differ from
            that of the saved one, unless that one was full.
        document: As `pack_buffer` returned it.
        tensors: As `pack_buffer` returned them.

    Raises:
        ValueError: If they do not fit.
    """
    pos, full = int(document["pos"]), bool(document["full"])
    own = dict(_list_arrays(buffer))
    count = buffer.buffer_size if full else pos
    if document["class"] != type(buffer).__name__:
        raise ValueError(
            f"it holds a {document['class']}, and the model has a {type(buffer).__name__}"
        )
    if not 0 <= pos <= buffer.buffer_size or (full and pos == buffer.buffer_size):
        raise ValueError(
            f"it holds {pos:,} rows, and the model has buffer_size={buffer.buffer_size}"
        )
    if own.keys() != tensors.keys():
        raise ValueError("it holds other observations than those of the model")
    for name, array in own.items():
        target = array[:count] if _has_rows(buffer, array) else array
        given = tensors[name].numpy()
        if (given.shape, given.dtype) != (target.shape, target.dtype):
            raise ValueError(
                f"{name} is {given.dtype} of shape {given.shape}, and the model needs "
                f"{target.dtype} of shape {target.shape}"
            )
    for name, array in own.items():
        given = tensors[name].numpy()
        array[: len(given)] = given
    buffer.pos, buffer.full = pos % buffer.buffer_size, full or pos == buffer.buffer_size


def _list_arrays(buffer: ReplayBuffer) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of a buffer by name; those of observations have names with a slash."""
    for name, value in vars(buffer).items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for key, part in parts:
            if isinstance(part, np.ndarray) and part.dtype != object:  # HER has empty infos
                yield (f"{name}/{key}" if key else name), part


def _has_rows(buffer: ReplayBuffer, array: NDArray[Any]) -> bool:
    """Return whether an array has one row for each transition."""
    return array.shape[:2] == (buffer.buffer_size, buffer.n_envs)
