"""Names of a package that are imported at their first use: torch and SB3 take seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def import_at_first_use(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package (PEP 562).

    Args:
        package: Name of the package.
        homes: The module that each name lives in.
    """

    def getattribute(name: str) -> Any:
        """Import a name."""
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    def list_names() -> list[str]:
        """List every name, those that are not yet imported too."""
        return sorted({*vars(sys.modules[package]), *homes})

    return getattribute, list_names
