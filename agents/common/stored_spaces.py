"""Gymnasium spaces and likelihoods as JSON, so that policies are saved without pickle."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from gcgen_env.model.likelihoods import Bernoulli, Gaussian, Likelihood, make_likelihood
from gcgen_env.spaces import ImageSpace

MAX_VALUES = 2**25
"""Values of the largest `Box` that is read: a file cannot ask for more memory than that."""


def space_to_json(space: spaces.Space[Any]) -> dict[str, Any]:
    """Return a space as JSON values.

    Args:
        space: A `Dict` of `Box`, `ImageSpace`, `Discrete`, `MultiBinary`, or one of these.

    Raises:
        ValueError: If it has another type.
    """
    kind = type(space)  # a subclass may hold more than its parent
    if isinstance(space, spaces.Dict) and kind is spaces.Dict:
        entries = {name: space_to_json(entry) for name, entry in space.items()}
        return {"type": "Dict", "entries": entries}
    if isinstance(space, ImageSpace) and kind is ImageSpace:
        return {
            "type": "ImageSpace",
            "shape": list(space.shape),
            "likelihood": likelihood_to_json(space.likelihood),
            "reward_scale": space.reward_scale,
        }
    if isinstance(space, spaces.Box) and kind is spaces.Box:
        low, high = _shorten(space.low), _shorten(space.high)
        return {
            "type": "Box",
            "shape": list(space.shape),
            "dtype": str(space.dtype),
            "low": low,
            "high": high,
        }
    if isinstance(space, spaces.Discrete) and kind is spaces.Discrete:
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiBinary) and kind is spaces.MultiBinary:
        sizes = list(space.shape) if isinstance(space.n, tuple) else int(space.n)
        return {"type": "MultiBinary", "n": sizes}
    raise ValueError(
        f"a space of type {kind.__name__} cannot be saved without pickle, only Dict, Box, "
        "Discrete and MultiBinary"
    )


def space_from_json(document: dict[str, Any]) -> spaces.Space[Any]:
    """Return the space that `space_to_json` stored.

    Raises:
        ValueError: If the document describes no space.
    """
    try:
        return _READERS[document["type"]](document)
    except (AssertionError, AttributeError, LookupError, OverflowError, TypeError) as error:
        raise ValueError(f"not a space: {error}") from error


def likelihood_to_json(likelihood: Likelihood) -> dict[str, Any]:
    """Return a likelihood as JSON values.

    Raises:
        ValueError: If it is a class of the user's.
    """
    if type(likelihood) not in (Bernoulli, Gaussian):
        name = type(likelihood).__name__
        raise ValueError(f"a likelihood of type {name} cannot be saved without pickle")
    return {"name": likelihood.name, **vars(likelihood)}


def _shorten(bound: NDArray[Any]) -> Any:
    """Return a bound of a `Box` as one number if all are equal, else as nested lists."""
    return bound.flat[0].item() if bound.size and (bound == bound.flat[0]).all() else bound.tolist()


def _read_shape(sizes: Any) -> tuple[int, ...]:
    """Return a shape, or raise a ValueError if it is not a shape or has too many values."""
    shape = tuple(sizes)
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"not a shape: {shape}")
    if math.prod(shape) > MAX_VALUES:
        raise ValueError(f"a space of shape {shape} has more than {MAX_VALUES:,} values")
    return shape


def _read_box(document: dict[str, Any]) -> spaces.Box:
    """Return a `Box`."""
    shape, dtype = _read_shape(document["shape"]), np.dtype(str(document["dtype"]))
    if dtype.kind not in "biuf":
        raise ValueError(f"a Box of {dtype} is not read")
    low, high = (np.full(shape, document[name], dtype) for name in ("low", "high"))
    return spaces.Box(low, high, shape, dtype=dtype.type)


def _read_images(document: dict[str, Any]) -> ImageSpace:
    """Return a space of images with its likelihood; old files have rewards in their own units."""
    likelihood, shape = make_likelihood(**document["likelihood"]), _read_shape(document["shape"])
    return ImageSpace(likelihood, shape, float(document.get("reward_scale", 1.0)))


def _read_bits(sizes: Any) -> spaces.MultiBinary:
    """Return a space of bits; a number and a tuple of one number differ for Gymnasium."""
    if type(sizes) is int:
        return spaces.MultiBinary(_read_shape([sizes])[0])
    return spaces.MultiBinary(_read_shape(sizes))


def _read_dict(document: dict[str, Any]) -> spaces.Dict:
    """Return a `Dict`, in the order in which it was stored."""
    entries = document["entries"].items()
    return spaces.Dict(OrderedDict((name, space_from_json(entry)) for name, entry in entries))


_READERS: dict[str, Any] = {
    "Dict": _read_dict,
    "ImageSpace": _read_images,
    "Box": _read_box,
    "Discrete": lambda document: spaces.Discrete(document["n"], start=document["start"]),
    "MultiBinary": lambda document: _read_bits(document["n"]),
}
