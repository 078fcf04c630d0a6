"""Arguments of constructors as JSON: plain values, spaces, and classes of a fixed list."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import DictReplayBuffer
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.torch_layers import CombinedExtractor, FlattenExtractor, NatureCNN
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule, LinearSchedule
from stable_baselines3.her import GoalSelectionStrategy, HerReplayBuffer

from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.common.stored_spaces import (
    likelihood_to_json,
    space_from_json,
    space_to_json,
)
from gcgen_env.model.likelihoods import Likelihood, make_likelihood

_ACTIVATIONS = ("ReLU", "Tanh", "ELU", "GELU", "LeakyReLU", "Mish", "SELU", "SiLU", "Sigmoid")
_OPTIMIZERS = ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "SGD")
CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        *(getattr(torch.nn, name) for name in _ACTIVATIONS),
        *(getattr(torch.optim, name) for name in _OPTIMIZERS),
        *(RMSpropTFLike, FlattenExtractor, CombinedExtractor, NatureCNN),
        *(DictReplayBuffer, HerReplayBuffer, GoalReplayBuffer),
    )
}
"""The classes that a file can name."""
MAX_ENTRIES = 1000
"""Entries of the longest list or dictionary: nobody needs as many layers."""


def encode(value: Any, name: str) -> Any:
    """Return an argument as JSON values.

    Whatever JSON does not know becomes an object with one key, such as {"$class": "Tanh"}.

    Args:
        value: The argument.
        name: Its name, for the error.

    Raises:
        ValueError: If it holds something that cannot be saved without pickle.
    """
    if isinstance(value, list | dict | tuple):
        _check_length(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict) and all(isinstance(k, str) and k[:1] != "$" for k in value):
        return {key: encode(entry, f"{name}[{key!r}]") for key, entry in value.items()}
    if isinstance(value, list):
        return [encode(entry, name) for entry in value]
    try:
        return _encode_object(value, name)
    except ValueError as error:
        raise ValueError(f"{name} cannot be saved without pickle: {error}") from error


def _encode_object(value: Any, name: str) -> dict[str, Any]:
    """Return an object as its tag and its content."""
    if isinstance(value, tuple):
        return {"$tuple": [encode(entry, name) for entry in value]}
    if isinstance(value, spaces.Space):
        return {"$space": space_to_json(value)}
    if isinstance(value, Likelihood):
        return {"$likelihood": likelihood_to_json(value)}
    if isinstance(value, GoalSelectionStrategy):
        return {"$goals": value.name}
    if type(value) is FloatSchedule:  # SB3's cover of the two others
        return _encode_object(value.value_schedule, name)
    if type(value) in (ConstantSchedule, LinearSchedule):
        return {"$schedule": [encode(number, name) for number in vars(value).values()]}
    if isinstance(value, type) and CLASSES.get(value.__name__) is value:
        return {"$class": value.__name__}
    raise ValueError(f"a file can hold numbers, texts and classes of SB3, got {value!r}")


def decode(value: Any) -> Any:
    """Return the argument that `encode` stored.

    Raises:
        ValueError: If `encode` did not write it.
    """
    if isinstance(value, list | dict):
        _check_length(value)
    if isinstance(value, list):
        return [decode(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (tag := next(iter(value)))[:1] == "$":
        try:
            return _DECODERS[tag](value[tag])
        except (LookupError, TypeError) as error:
            raise ValueError(f"an argument of unknown kind: {value!r:.100}") from error
    return {key: decode(entry) for key, entry in value.items()}


def _check_length(value: Collection[Any]) -> None:
    """Raise a ValueError if a list or dictionary is longer than any that is needed."""
    if len(value) > MAX_ENTRIES:
        raise ValueError(f"an argument has {len(value):,} entries, at most {MAX_ENTRIES:,}")


def _make_schedule(numbers: list[float]) -> Any:
    """Return a schedule of SB3: one number is constant, three are a line."""
    return ConstantSchedule(*numbers) if len(numbers) == 1 else LinearSchedule(*numbers)


_DECODERS: dict[str, Any] = {
    "$tuple": lambda value: tuple(decode(value)),
    "$space": space_from_json,
    "$likelihood": lambda value: make_likelihood(**value),
    "$goals": lambda value: GoalSelectionStrategy[value],
    "$schedule": _make_schedule,
    "$class": lambda value: CLASSES[value],
}
