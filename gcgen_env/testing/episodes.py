"""Recorded episodes: how they are rolled and how two of them are compared."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from gcgen_env.env import GCGenEnv
from gcgen_env.vector_env import GCGenVectorEnv

AnyEnv = GCGenEnv | GCGenVectorEnv
Choice = Callable[[Mapping[str, NDArray[Any]]], Any]
"""Maps an observation to an action, or batched ones to N actions."""


class Moment(NamedTuple):
    """What one `reset` or `step` returned; fields are batched for a vector environment."""

    action: Any
    """The action taken; None for a reset."""
    obs: dict[str, NDArray[Any]]
    """Observation."""
    reward: Any
    """Reward, 0 for a reset."""
    terminated: Any
    """Whether h = H, False for a reset."""
    truncated: Any
    """Always False."""
    info: dict[str, Any]
    """Info."""


def expect(condition: Any, message: str) -> None:
    """Raise an `AssertionError` with a message unless a condition holds."""
    if not condition:
        raise AssertionError(message)


def expect_raises(kind: type[Exception], call: Callable[[], object], message: str) -> None:
    """Raise an `AssertionError` with a message unless a call raises an error of a kind."""
    try:
        call()
    except kind:
        return
    except Exception as error:
        raise AssertionError(f"{message}, got {type(error).__name__}: {error}") from error
    raise AssertionError(f"{message}, but nothing was raised")


def choose_valid(seed: int) -> Choice:
    """Return a choice among valid actions, uniform, the same for the same seed."""
    rng = np.random.default_rng(seed)

    def choose(obs: Mapping[str, NDArray[Any]]) -> Any:
        mask = obs["action_mask"]  # (A,) or (N, A)
        return np.where(mask == 1, rng.random(mask.shape), -1.0).argmax(axis=-1)

    return choose


def roll(
    env: AnyEnv,
    seed: int,
    *,
    options: dict[str, Any] | None = None,
    choose: Choice | None = None,
    num_steps: int | None = None,
    watch: Callable[[Moment], object] | None = None,
) -> list[Moment]:
    """Reset an environment and step it.

    Args:
        env: Single or vector environment.
        seed: Passed to `reset`; seeds the default choice too.
        options: Passed to `reset`.
        choose: How to act; `choose_valid(seed)` by default.
        num_steps: How many steps; an episode by default, and a second one where the vector
            environment resets itself.
        watch: Called with what was returned, after it was copied.

    Returns:
        Copies of what was returned, beginning with the reset.
    """
    choose = choose or choose_valid(seed)
    obs, info = env.reset(seed=seed, options=options)
    returned = Moment(None, obs, 0.0, False, False, info)
    moments = [copy.deepcopy(returned)]
    for _ in range(_usual_length(env) if num_steps is None else num_steps):
        if watch is not None:
            watch(returned)
        action = choose(moments[-1].obs)
        returned = Moment(action, *env.step(action))
        moments.append(copy.deepcopy(returned))
    if watch is not None:
        watch(returned)
    return moments


def _usual_length(env: AnyEnv) -> int:
    """Return H, or 2H + 1 where the environment resets itself."""
    mode = getattr(env, "autoreset_mode", AutoresetMode.DISABLED)
    horizon = env.config.horizon
    return horizon if mode is AutoresetMode.DISABLED else 2 * horizon + 1


def find_difference(
    first: Any, second: Any, tolerance: float = 0.0, name: str = "it"
) -> str | None:
    """Say where two nested results first differ; None where they are equal.

    Args:
        first: Numbers, arrays, None, and mappings, lists or object arrays of them.
        second: The same.
        tolerance: Largest difference of two numbers that counts as none.
        name: What to call the whole.
    """
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        if first.keys() != second.keys():
            return f"{name} has the keys {sorted(first)} and {sorted(second)}"
        pairs = ((f"{name}[{key!r}]", first[key], second[key]) for key in first)
    elif _is_sequence(first) and _is_sequence(second):
        if len(first) != len(second):
            return f"{name} has {len(first)} and {len(second)} entries"
        both = enumerate(zip(first, second, strict=True))
        pairs = ((f"{name}[{i}]", *pair) for i, pair in both)
    else:
        return _find_number_difference(first, second, tolerance, name)
    found = (find_difference(a, b, tolerance, where) for where, a, b in pairs)
    return next((difference for difference in found if difference), None)


def _is_sequence(value: Any) -> bool:
    """Tell whether a value holds other values, unlike an array of numbers."""
    is_objects = isinstance(value, np.ndarray) and value.dtype == object
    return is_objects or isinstance(value, list | tuple)


def _find_number_difference(first: Any, second: Any, tolerance: float, name: str) -> str | None:
    """Compare two numbers, arrays of numbers, or None."""
    if first is None or second is None:
        return None if first is second else f"{name} is {first!r} and {second!r}"
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{name} is {a.dtype} of shape {a.shape} and {b.dtype} of shape {b.shape}"
    if np.isclose(a, b, rtol=0.0, atol=tolerance, equal_nan=True).all():
        return None
    gap = np.abs(a.astype(np.float64) - b.astype(np.float64)).max()
    return f"{name} differs by up to {gap:.3g}"


def find_arrays(value: Any, name: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield every array of numbers in a nested result, with its place."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from find_arrays(inner, f"{name}[{key!r}]")
    elif _is_sequence(value):
        for i, inner in enumerate(value):
            yield from find_arrays(inner, f"{name}[{i}]")
    elif isinstance(value, np.ndarray):
        yield name, value
