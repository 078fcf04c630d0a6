"""Record episodes and compare them."""

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
"""Function from an observation to an action, or from N observations to N actions."""


class TimeStep(NamedTuple):
    """Return values of one `reset` or `step`; batched for a vector environment.

    Attributes:
        action: Action passed to `step`; None for a reset.
        obs: Observation.
        reward: Reward; 0 for a reset.
        terminated: Whether h = H; False for a reset.
        truncated: Always False.
        info: Info.
    """

    action: Any
    obs: dict[str, NDArray[Any]]
    reward: Any
    terminated: Any
    truncated: Any
    info: dict[str, Any]


def expect(condition: Any, message: str) -> None:
    """Raise an `AssertionError` with a message unless a condition holds."""
    if not condition:
        raise AssertionError(message)


def expect_equal(
    actual: Any, expected: Any, message: str, tolerance: float = 0.0, name: str = "it"
) -> None:
    """Raise an `AssertionError` with a message if `find_difference` finds one."""
    difference = find_difference(actual, expected, tolerance, name)
    expect(difference is None, f"{message}; {difference}")


def expect_raises(kind: type[Exception], call: Callable[[], object], message: str) -> None:
    """Raise an `AssertionError` with a message unless a call raises a given error."""
    try:
        call()
    except kind:
        return
    except Exception as error:  # an error of another kind is a failure, too
        raise AssertionError(f"{message}, got {type(error).__name__}: {error}") from error
    raise AssertionError(f"{message}, got no error")


def choose_valid(seed: int) -> Choice:
    """Return a function that selects valid actions uniformly at random."""
    rng = np.random.default_rng(seed)

    def choose(obs: Mapping[str, NDArray[Any]]) -> Any:
        mask = obs["action_mask"]  # (A,) or (N, A)
        return np.where(mask == 1, rng.random(mask.shape), -1.0).argmax(axis=-1)  # () or (N,)

    return choose


def roll(
    env: AnyEnv,
    seed: int,
    *,
    options: dict[str, Any] | None = None,
    choose: Choice | None = None,
    num_steps: int | None = None,
    watch: Callable[[TimeStep], object] | None = None,
) -> list[TimeStep]:
    """Reset an environment, step it, and record what it returns.

    Args:
        env: Single or vector environment.
        seed: Seed of `reset` and of the default `choose`.
        options: Options of `reset`.
        choose: Selects the actions; `choose_valid(seed)` by default.
        num_steps: Number of steps. By default one episode, or two episodes if the vector
            environment resets itself.
        watch: Called with the return values of each reset and step, after they were copied.

    Returns:
        Copies of the return values, first those of the reset.
    """
    choose = choose or choose_valid(seed)
    obs, info = env.reset(seed=seed, options=options)
    returned = TimeStep(None, obs, 0.0, False, False, info)
    timesteps = [copy.deepcopy(returned)]  # before `watch` can overwrite it
    for _ in range(_usual_length(env) if num_steps is None else num_steps):
        if watch is not None:
            watch(returned)
        action = choose(timesteps[-1].obs)  # the copy, which `watch` cannot change
        returned = TimeStep(action, *env.step(action))
        timesteps.append(copy.deepcopy(returned))
    if watch is not None:
        watch(returned)
    return timesteps


def _usual_length(env: AnyEnv) -> int:
    """Return H, or 2H + 1 if the environment resets itself."""
    mode = getattr(env, "autoreset_mode", AutoresetMode.DISABLED)
    horizon = env.config.horizon
    return horizon if mode is AutoresetMode.DISABLED else 2 * horizon + 1  # + 1: the reset


def find_difference(
    first: Any, second: Any, tolerance: float = 0.0, name: str = "it"
) -> str | None:
    """Describe the first difference between two nested values; None if they are equal.

    Args:
        first: Numbers, arrays, None, or mappings, lists or object arrays of them.
        second: Value to compare with.
        tolerance: Largest difference at which two numbers count as equal.
        name: Name of the values in the description.
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
    """Return whether a value is a list, a tuple or an array of objects."""
    is_objects = isinstance(value, np.ndarray) and value.dtype == object
    return is_objects or isinstance(value, list | tuple)


def _find_number_difference(first: Any, second: Any, tolerance: float, name: str) -> str | None:
    """Compare two numbers, arrays of numbers, or None."""
    if first is None or second is None:
        return None if first is second else f"{name} is {first!r} and {second!r}"
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{name} is {a.dtype} of shape {a.shape} and {b.dtype} of shape {b.shape}"
    if np.array_equal(a, b) or np.isclose(a, b, rtol=0.0, atol=tolerance, equal_nan=True).all():
        return None
    gap = np.abs(a.astype(np.float64) - b.astype(np.float64)).max()
    return f"{name} differs by up to {gap:.3g}"


def find_arrays(value: Any, name: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the path and the value of every array of numbers in a nested value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from find_arrays(inner, f"{name}[{key!r}]")
    elif _is_sequence(value):
        for i, inner in enumerate(value):
            yield from find_arrays(inner, f"{name}[{i}]")
    elif isinstance(value, np.ndarray):
        yield name, value
