"""The objective of a model: one of those that have a name, or a class of the user's."""

from __future__ import annotations

from typing import Any

from agents.gcgen.objectives import OBJECTIVES, Objective, TreeSearch


def find_objective(objective: Any) -> type[Objective]:
    """Return the class of an objective, given its name or a class.

    Raises:
        ValueError: If the name is unknown, or if a class is no objective, is abstract, or is called
            as one of those with a name.
    """
    if not isinstance(objective, type):
        if objective not in OBJECTIVES:
            raise ValueError(
                f"gc_objective must be one of {', '.join(OBJECTIVES)}, or a subclass of Objective; "
                f"got {objective!r}"
            )
        return OBJECTIVES[objective]
    name = objective.__name__
    if not issubclass(objective, Objective):
        raise ValueError(f"gc_objective must be a subclass of Objective, got the class {name}")
    if missing := sorted(objective.__abstractmethods__):
        raise ValueError(f"gc_objective={name} is abstract: define its method {missing[0]!r}")
    if name in OBJECTIVES:
        raise ValueError(f"gc_objective={name} has the name of another objective: rename the class")
    return objective


def name_objective(objective: Any) -> str:
    """Return the name that a file holds: that of an objective, or that of a class."""
    return objective.__name__ if isinstance(objective, type) else objective


def check_objective(objective: Any, has_values: bool) -> None:
    """Raise a ValueError unless a policy has what an objective trains, and no more."""
    if issubclass(find_objective(objective), TreeSearch) != has_values:
        raise ValueError(
            "gc_objective='tree_search' and policy='SearchPolicy', whose values it trains, go "
            f"together: got gc_objective={name_objective(objective)!r}"
        )


def check_saved_objective(file: str, objective: Any) -> None:
    """Raise a ValueError if a file names a class, and the class was not passed."""
    if isinstance(objective, str) and objective not in OBJECTIVES:
        raise ValueError(
            f"{file} was saved with the objective class {objective}: pass gc_objective={objective} "
            "to load it"
        )
