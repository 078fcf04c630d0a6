"""Random generators of environments: one for a batch or one for each episode; undoing draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from gymnasium.utils.seeding import np_random

from gcgen_env.messages import show

Generators = np.random.Generator | list[np.random.Generator]
"""One random generator for all episodes, or one for each."""


def check_seeds(seeds: Any, num: int) -> list[int | None]:
    """Return one seed for each of N environments.

    Raises:
        ValueError: If there are not N seeds, or one is neither None nor a non-negative integer.
    """
    if not isinstance(seeds, Sequence | np.ndarray) or isinstance(seeds, str | bytes):
        raise ValueError(f"seed must be None, an integer or a list of seeds, got {show(seeds)}")
    if len(seeds) != num:
        raise ValueError(
            f"seed must hold one seed for each of the {num} environments, got {len(seeds)}"
        )
    for seed in seeds:
        is_integer = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if seed is not None and not (is_integer and seed >= 0):
            raise ValueError(f"a seed must be None or an integer of at least 0, got {show(seed)}")
    return [None if seed is None else int(seed) for seed in seeds]


def reseed(
    seeds: list[int | None],
    which: set[int],
    own: list[np.random.Generator] | None,
    parent: np.random.Generator,
) -> list[np.random.Generator]:
    """Return one generator for each environment.

    Args:
        seeds: One seed for each environment; with None it keeps its generator.
        which: The environments that are seeded; the others keep their generators.
        own: The present generators; None if there is one for all. Then `parent` seeds those
            that have no seed.
        parent: The generator of the whole batch.
    """
    generators = []
    for i, seed in enumerate(seeds):
        if i in which and seed is not None:
            generators.append(np_random(seed)[0])  # as the single environment makes it
        elif own is not None:
            generators.append(own[i])
        else:
            generators.append(np_random(int(parent.integers(2**63)))[0])
    return generators


@contextmanager
def undo_draws(env: Any) -> Iterator[None]:
    """Leave the generators of an environment as they were if the body raises an error."""
    names = ("_np_random", "_np_random_seed", "_generators")
    before = {name: getattr(env, name) for name in names}
    own = before["_generators"] or []
    held = [each for each in (before["_np_random"], *own) if each is not None]
    states = [each.bit_generator.state for each in held]
    try:
        yield
    except BaseException:
        for name, value in before.items():
            setattr(env, name, value)
        for each, state in zip(held, states, strict=True):
            each.bit_generator.state = state
        raise
