"""The options of `reset`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gcgen_env.messages import show

RESET_OPTIONS = ("goal_index", "goal", "initial_state")


def check_options(options: Any, *more: str) -> dict[str, Any]:
    """Return a copy of the options of a reset; `more` names some beside `RESET_OPTIONS`.

    Raises:
        ValueError: If they are no dict, or one is unknown.
    """
    if not isinstance(options, Mapping | None):
        raise ValueError(f"reset options must be a dict or None, got {show(options)}")
    unknown = set(options or {}) - {*RESET_OPTIONS, *more}
    if unknown:
        raise ValueError(
            f"unknown reset option {show(min(unknown, key=str))}; known: "
            f"{', '.join([*RESET_OPTIONS, *more])}"
        )
    return dict(options or {})
