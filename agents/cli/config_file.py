"""`gcgen train --config`: the settings of another run as defaults of the options."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from agents.cli.checks import InputError, reading_input

if TYPE_CHECKING:
    from agents.cli.train import Train

T = TypeVar("T")
OWN = ("config", "out", "resume", "overwrite", "processes", "max_restarts")
"""Options that belong to one call; they are never taken from the file."""
FORMER = ("body",)
"""Options of earlier versions; a run that is resumed keeps what they chose."""


def find_defaults(words: Sequence[str]) -> Train | None:
    """Return the defaults of `gcgen train` if --config names a file of them, otherwise None.

    Raises:
        InputError: If the file is missing or damaged, holds an unknown or invalid setting, or the
            options resume a run, which has settings of its own.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--resume", nargs="*")
    try:
        given, _ = parser.parse_known_args(words)
    except argparse.ArgumentError:  # no value after --config: the parser of all options says so
        return None
    if given.config is None:
        return None
    if given.resume is not None:
        raise InputError("--resume continues with the run's own settings: leave out --config")
    from agents.cli.train import Train

    with reading_input():
        return read_settings(given.config, Train())


def read_settings(path: Path, default: T) -> T:
    """Return settings with the values of a file in place of the defaults.

    Settings are found by name, because runs saved by earlier versions group them differently.

    Args:
        path: The `config.json` of a run, the folder of a run, or the model in it.
        default: A dataclass of settings and of groups of settings.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or a setting is unknown or invalid.
    """
    from agents.cli.run_folder import RunFolder  # here, because it imports torch
    from gcgen_env.atomic_files import read_json

    if path.suffix == ".json" and not path.is_dir():
        if not path.is_file():
            raise FileNotFoundError(f"--config: there is no file {path}")
        file, settings = path, read_json(path).get("settings")
    else:
        folder = RunFolder(path)
        file, settings = folder.model, folder.read().settings
    if not isinstance(settings, dict):
        raise ValueError(f"{file} holds no settings of a run: expected an object 'settings'")
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= value if isinstance(value, dict) else {name: value}
    flat = {name: value for name, value in flat.items() if name not in OWN + FORMER}
    merged = _merge(default, flat, file)
    if flat:  # `_merge` has taken out what it knows
        name = next(iter(flat))
        near = difflib.get_close_matches(name, _list_names(default), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{file} holds the unknown setting {name!r}{hint}")
    return merged


def _merge(default: T, flat: dict[str, Any], file: Path) -> T:
    """Move the values of a group's settings, and of the groups in it, from `flat` to a copy."""
    hints, changes = get_type_hints(type(default)), {}
    for field in fields(default):  # type: ignore[arg-type]
        value = getattr(default, field.name)
        if is_dataclass(value):
            changes[field.name] = _merge(value, flat, file)
        elif field.name in flat:
            found = flat.pop(field.name)
            try:
                changes[field.name] = convert(found, hints[field.name])
            except ValueError as error:
                raise ValueError(f"{file}: {field.name} {error}, got {found!r}") from error
    return replace(default, **changes)  # type: ignore[type-var]


def _list_names(settings: Any) -> list[str]:
    """Return the names of all settings, those in groups too."""
    values = vars(settings).items()
    return [n for name, v in values for n in (_list_names(v) if is_dataclass(v) else [name])]


def convert(value: Any, hint: Any) -> Any:
    """Convert a JSON value to the type of a setting.

    Raises:
        ValueError: If it has another type; the message says what is expected.
    """
    options, origin = get_args(hint), get_origin(hint)
    if origin in (Union, UnionType):
        return _convert_to_any(value, options)
    if origin is Literal:
        accepted = value in options if isinstance(value, str) else False
        return _check(value, accepted, f"must be one of {', '.join(map(str, options))}")
    if origin is tuple:
        of_any_length = options[-1] is ...
        fits = isinstance(value, list) and (of_any_length or len(value) == len(options))
        _check(value, fits, "must be a list" if of_any_length else f"must be {len(options)} values")
        return tuple(convert(item, options[0]) for item in value)
    if hint is Path:
        return Path(_check(value, isinstance(value, str), "must be a path"))
    if hint is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(_check(value, is_number, "must be a number"))
    kind = {int: "an integer", bool: "true or false", str: "text", type(None): "null"}[hint]
    return _check(value, type(value) is hint, f"must be {kind}")  # True is no integer here


def _convert_to_any(value: Any, options: Sequence[Any]) -> Any:
    """Convert to the first type that fits; raise what the first one raises."""
    errors = []
    for option in options:
        try:
            return convert(value, option)
        except ValueError as error:
            errors.append(error)
    raise errors[0]


def _check(value: T, accepted: bool, expected: str) -> T:
    """Return a value; raise a ValueError if it is not accepted."""
    if not accepted:
        raise ValueError(expected)
    return value
