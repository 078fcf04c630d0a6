"""An algorithm of the user's in a benchmark: a class that is named as "module:Class"."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from agents.benchmark.contestant import ALL_TRACKS, LOOK_AHEADS, Contestant
from agents.benchmark.search_spaces import Space, check_space, find_values


def load_custom(name: str) -> Contestant:
    """Return the contestant of a class "module:Class", which is looked for here, too.

    The class is called with the environments of the training, an SB3 `VecEnv`, and a seed. Its
    objects have `predict` as SB3's algorithms do. An SB3 algorithm is trained as others are. Any
    other class may have `learn(total_timesteps, report)`, which calls `report(num_timesteps)`
    between updates, as often as it likes: it is evaluated there when this is due. Optional
    attributes of the class: `tracks` (names of tracks), `look_ahead` (see `Contestant`),
    `num_envs`, `most_timesteps`, and `search_space`: for `gcgen tune`, a pair (low, high) or a
    list of choices for each keyword that can be tuned.

    Args:
        name: Module and class.

    Raises:
        ValueError: If it cannot be imported, lacks `predict`, or has a wrong attribute.
    """
    module, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m` does
    try:
        found: Any = getattr(import_module(module), attribute)
    except Exception as error:  # importing runs the user's file
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"cannot load the algorithm {name!r} (write package.module:Class): {reason}"
        ) from error
    if not callable(getattr(found, "predict", None)):
        raise ValueError(
            f"{name!r} has no predict(observation, state, episode_start, deterministic)"
        )
    tracks = getattr(found, "tracks", ALL_TRACKS)
    if isinstance(tracks, str) or not {*tracks} <= {*ALL_TRACKS}:
        raise ValueError(f"{name!r} has tracks={tracks!r}, expected some of {ALL_TRACKS}")
    if (look_ahead := getattr(found, "look_ahead", "")) not in LOOK_AHEADS:
        raise ValueError(f"{name!r} has look_ahead={look_ahead!r}, expected one of {LOOK_AHEADS}")
    space = getattr(found, "search_space", {})
    try:
        if hasattr(found, "search_space"):
            check_space(space)
        return _make_contestant(name, found, tuple(tracks), space, {})
    except ValueError as error:
        raise ValueError(f"{name!r} has a wrong search_space: {error}") from error


def _make_contestant(
    name: str, found: Any, tracks: tuple[str, ...], space: Space, settings: dict[str, Any]
) -> Contestant:
    """Return the contestant of a class, which gets settings as keywords.

    Raises:
        ValueError: If the class has no keyword of a name in the search space.
    """
    return Contestant(
        name,
        lambda env, seed: found(env, seed, **settings),
        learns=hasattr(found, "learn"),
        look_ahead=getattr(found, "look_ahead", ""),
        tracks=tracks,
        most_timesteps=getattr(found, "most_timesteps", None),
        num_envs=getattr(found, "num_envs", 64),
        options={"source": hash_source(found), **settings},
        space=space,
        values=find_values(space, settings, found),
        remake=lambda new: _make_contestant(name, found, tracks, space, {**settings, **new}),
    )


@cache  # what runs is what was imported, even if the file changes
def hash_source(found: Any) -> str | None:
    """Return the hash of the file of a class: another program gives other results."""
    try:
        path = inspect.getsourcefile(found)
    except TypeError:  # not written in Python
        return None
    return path and hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
