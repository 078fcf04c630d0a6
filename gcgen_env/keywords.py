"""Dataclasses of keyword arguments: made with helpful errors, documented where they are used."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")


def make_from_keywords(cls: type[T], /, **kwargs: Any) -> T:
    """Make a dataclass from keywords, with an error that names the nearest field.

    Raises:
        TypeError: If a keyword is not a field of the dataclass.
        ValueError: If a value is out of range.
    """
    names = [field.name for field in fields(cls) if field.init]  # type: ignore[arg-type]
    for name in kwargs:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}"
            raise TypeError(f"got an unexpected keyword argument {name!r}{hint}")
    return cls(**kwargs)


def document_fields(config: type, heading: str) -> Callable[[type[T]], type[T]]:
    """Return a class decorator that inserts the fields of a dataclass after a heading.

    `help()` of the class then explains every keyword.
    """
    attributes = inspect.cleandoc(config.__doc__ or "").partition("Attributes:\n")[2]

    def decorate(cls: type[T]) -> type[T]:
        doc = inspect.cleandoc(cls.__doc__ or "")
        cls.__doc__ = doc.replace(heading, f"{heading}\n{attributes}\n", 1)
        return cls

    return decorate
