"""Draws hits against coverage of guided digits, along the scale, beside simpler rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.suite.style import FONT, save

GUIDED, OTHERS = "#0072B2", "#D55E00"
"""Colours that people tell apart who do not see red and green (Okabe and Ito, 2008)."""
ROOM = 0.03
"""Least difference of hits between two points whose scales are written."""
RULES = {
    "top two": ("DDN's rule", "D"),
    "best of N": ("best of N", "s"),
    "accepted": ("first that the guide accepts", "^"),
    "unguided, sorted by the judge": ("unguided, sorted by the judge", "*"),
}
"""Names of the other rules in the legend, and their markers."""


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the rows of `measure_classes`.

    Args:
        rows: Dictionaries with `rule`, `scale`, `particles`, `calls`, `hit_rate`, `coverage`.
        path: Where to write the picture.
    """
    figure, axes = plt.subplots(figsize=(7.0, 4.6))
    guided = [row for row in rows if row["rule"] == "guided" and row["particles"] == 1]
    coverage, hits = ([row[name] for row in guided] for name in ("coverage", "hit_rate"))
    calls = sum(row["calls"] for row in guided) / len(guided)
    scales = f"{guided[0]['scale']:g} to {guided[-1]['scale']:g}"
    label = f"guided, scale {scales}; {calls:.0f} calls"
    axes.plot(coverage, hits, "o-", color=GUIDED, lw=2.2, label=label)
    written = 0.0
    for row in guided:
        if row["hit_rate"] - written > ROOM:  # larger scales lie upon one another
            _write(axes, row, f"{row['scale']:g}", GUIDED, ha="right", xytext=(-8, -4))
            written = row["hit_rate"]
    for rule, (name, marker) in RULES.items():
        for number, row in enumerate([row for row in rows if row["rule"] == rule]):
            point = (row["coverage"], row["hit_rate"])
            entry = name if number == 0 else None  # one of the legend for each rule
            axes.plot(*point, marker, color=OTHERS, ms=9, alpha=0.8, label=entry)
            calls = f"{row['calls']:.0f} calls" if row["calls"] else ""
            _write(axes, row, calls, OTHERS, ha="left", xytext=(8, -4))
    axes.set_xlabel("coverage of the real images of a class", fontsize=FONT)
    axes.set_ylabel("share of images of the class", fontsize=FONT)
    axes.tick_params(labelsize=FONT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=FONT, loc=(0.02, 0.5))
    figure.tight_layout()
    save(figure, path)
    plt.close(figure)


def _write(axes: Any, row: dict[str, Any], text: str, color: str, **place: Any) -> None:
    """Write a text beside the point of a row."""
    point = (row["coverage"], row["hit_rate"])
    axes.annotate(text, point, textcoords="offset points", color=color, fontsize=FONT, **place)
