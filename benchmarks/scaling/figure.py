"""Draws predicted speed-ups, and measured ones, against the number of processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.scaling.cost import LINKS


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the rows of a prediction: `batch`, `link`, `processes`, `speedup`, `simulated`.

    Args:
        rows: As `benchmarks.scaling.__main__.predict` makes them.
        path: Where to write the picture.
    """
    batches = sorted({row["batch"] for row in rows})
    size = (3.4 * len(batches), 3.0)
    fig, (axes,) = plt.subplots(1, len(batches), figsize=size, sharey=True, squeeze=False)
    for axis, batch in zip(axes, batches, strict=True):
        for link in LINKS:
            chosen = [r for r in rows if (r["batch"], r["link"]) == (batch, link)]
            sizes = [row["processes"] for row in chosen]
            (line,) = axis.plot(sizes, [row["speedup"] for row in chosen], label=link)
            simulated = [row["simulated"] for row in chosen]
            axis.plot(sizes, simulated, "--", color=line.get_color(), linewidth=1)
        axis.plot(sizes, sizes, ":", color="grey", linewidth=1)
        axis.set(xscale="log", yscale="log", ylim=(0.5, 1200), title=f"batch {batch:,.0f}")
        axis.set_xlabel("processes")
    axes[0].set_ylabel("speed-up")
    axes[0].legend(frameon=False, fontsize=8)
    fig.tight_layout()
    fig.savefig(path, dpi=120)
    plt.close(fig)
