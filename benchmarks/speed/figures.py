"""Figures and their targets, printed as a table or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.common.provenance import describe_machine
from agents.common.versions import find_versions


@dataclass(frozen=True)
class Figure:
    """One measurement."""

    name: str
    """What was measured."""
    value: float
    """The measured value."""
    unit: str
    """Its unit; "x" for a ratio."""
    target: float | None = None
    """The value to reach; None if there is no target."""
    at_least: bool = True
    """Whether the target is a lower bound; otherwise it is an upper bound."""
    detail: str = ""
    """The measurements that the value was computed from."""

    @property
    def passed(self) -> bool | None:
        """Whether the target is reached; None if there is no target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def margin(self) -> float | None:
        """How many times better the value is than its target; None if there is no target."""
        if self.target is None:
            return None
        return self.value / self.target if self.at_least else self.target / self.value

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Figure:
        """Restore what `to_json` returned."""
        return cls(**{name: value for name, value in entry.items() if name != "passed"})

    def to_json(self) -> dict[str, Any]:
        """Return the fields and `passed`."""
        return {**asdict(self), "passed": self.passed}


def report(figures: Sequence[Figure], as_json: bool = False) -> None:
    """Print figures as a table, or as a JSON document with the machine and the versions."""
    if as_json:
        document = {
            "machine": describe_machine(),
            "versions": find_versions(),
            "figures": [figure.to_json() for figure in figures],
        }
        print(json.dumps(document, indent=2))
        return
    machine = describe_machine()
    table = Table(title=f"{machine['processor']}, {machine['torch_threads']} torch threads")
    for column in ("figure", "value", "target", "margin", "", "measured"):
        table.add_column(column, justify="right" if column in ("value", "target") else "left")
    for figure in figures:
        table.add_row(*_cells(figure))
    width = None if sys.stdout.isatty() else 150
    Console(width=width).print(table)


def _cells(figure: Figure) -> tuple[str, ...]:
    """Return the cells of one line of the table."""
    value = f"{figure.value:.3g} {figure.unit}"
    if figure.target is None:
        return figure.name, value, "", "", "", figure.detail
    sign = ">=" if figure.at_least else "<="
    verdict = "[green]pass" if figure.passed else "[red]short"
    target, margin = f"{sign} {figure.target:g} {figure.unit}", f"{figure.margin:.2f}"
    return figure.name, value, target, margin, verdict, figure.detail
