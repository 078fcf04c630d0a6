"""Figures with their targets, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.common.provenance import describe_machine, find_versions


@dataclass(frozen=True)
class Figure:
    """One measurement."""

    name: str
    """What was measured."""
    value: float
    """The figure."""
    unit: str
    """Its unit; "x" for a ratio."""
    target: float | None = None
    """The value to reach; None for a figure that only informs."""
    at_least: bool = True
    """Whether more is better: the figure should be at least, or at most, the target."""
    detail: str = ""
    """What the figure is made of."""

    @property
    def passed(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def margin(self) -> float | None:
        """How many times better than the target, above 1 if it is reached."""
        if self.target is None:
            return None
        return self.value / self.target if self.at_least else self.target / self.value

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Figure:
        """Undo `to_json`."""
        return cls(**{name: value for name, value in entry.items() if name != "passed"})

    def to_json(self) -> dict[str, Any]:
        """Return the fields, and whether the target is reached."""
        return {**asdict(self), "passed": self.passed}


def report(figures: Sequence[Figure], as_json: bool = False) -> None:
    """Print figures as a table, or as one JSON document with machine and versions."""
    if as_json:
        document = {
            "machine": describe_machine(),
            "versions": find_versions(),
            "figures": [figure.to_json() for figure in figures],
        }
        print(json.dumps(document, indent=2))
        return
    machine = describe_machine()
    table = Table(title=f"{machine['processor']}, {machine['torch_threads']} threads of torch")
    for column in ("figure", "value", "target", "margin", "", "made of"):
        table.add_column(column, justify="right" if column in ("value", "target") else "left")
    for figure in figures:
        table.add_row(*_cells(figure))
    width = None if sys.stdout.isatty() else 150
    Console(width=width).print(table)


def _cells(figure: Figure) -> tuple[str, ...]:
    """Return one row of the table."""
    value = f"{figure.value:.3g} {figure.unit}"
    if figure.target is None:
        return figure.name, value, "", "", "", figure.detail
    sign = ">=" if figure.at_least else "<="
    verdict = "[green]pass" if figure.passed else "[red]short"
    target, margin = f"{sign} {figure.target:g} {figure.unit}", f"{figure.margin:.2f}"
    return figure.name, value, target, margin, verdict, figure.detail
