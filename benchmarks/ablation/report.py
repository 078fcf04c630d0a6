"""The results of all trials: a table, paired differences and a plot."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from agents.benchmark.results import markdown
from benchmarks.ablation.trial import Measurement
from benchmarks.ablation.variants import REFERENCE
from benchmarks.trials import RESULT, folder_of

COLUMNS = (
    "variant",
    "seeds",
    "images seen",
    "updates",
    "reconstruction",
    "divergence",
    "-ELBO",
    "IW",
    "live",
    "seconds",
    "encode ms",
    "against the default",
)
_SHOWN = 8
"""Number of curves drawn in colour, the best ones."""


class Row:
    """The results of all seeds of one variant: one row of the table."""

    def __init__(self, name: str, folders: Sequence[Path]) -> None:
        """Read the results from the folders of the trials."""
        self.name = name
        self.results = [json.loads((folder / RESULT).read_text()) for folder in folders]
        self.arrays = [load_file(folder / "per_image.safetensors") for folder in folders]
        self.seeds = [result["seed"] for result in self.results]

    def values(self, *path: str) -> NDArray[np.float64]:
        """Return the value under a path of keys for every seed; NaN if it is missing."""
        found = []
        for result in self.results:
            for key in path:
                result = result.get(key, math.nan) if isinstance(result, dict) else math.nan
            found.append(float(result))
        return np.array(found)

    @property
    def nll(self) -> float:
        """Mean of -ELBO over seeds."""
        return float(self.values("elbo", "nll").mean())

    def compare(self, other: Row, key: str = "elbo", other_key: str | None = None) -> Difference:
        """Subtract the values of another variant image by image, for the seeds of both."""
        shared = [seed for seed in self.seeds if seed in other.seeds]
        pairs = [
            self.arrays[self.seeds.index(s)][key]
            - other.arrays[other.seeds.index(s)][other_key or key]
            for s in shared
        ]
        return Difference(np.array(pairs))


class Difference:
    """Paired differences of two variants, shape (seeds, images), in nats."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        """Store the differences."""
        self.values = values

    def __str__(self) -> str:
        """Return the mean and its standard error over images, and over seeds if several."""
        if not self.values.size:
            return ""
        mean_of_seeds = self.values.mean(0)
        variance = mean_of_seeds.var(ddof=1) / len(mean_of_seeds)
        if len(self.values) > 1:
            variance += self.values.mean(1).var(ddof=1) / len(self.values)
        return f"{self.values.mean():+.2f} ± {math.sqrt(variance):.2f}"


def read_rows(out: Path, names: Sequence[str], seeds: Sequence[int]) -> list[Row]:
    """Read the finished trials, in the order of the names."""
    rows = []
    for name in names:
        folders = [folder_of(out, name, seed) for seed in seeds]
        done = [folder for folder in folders if (folder / RESULT).is_file()]
        if done:
            rows.append(Row(name, done))
    return rows


def make_table(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the cells of the table, one tuple for each variant."""
    reference = next((row for row in rows if row.name == REFERENCE), None)
    table: list[tuple[str, ...]] = []
    for row in rows:
        compared = reference is not None and row is not reference
        table.append(
            (
                row.name,
                str(len(row.seeds)),
                f"{row.values('images_seen').mean():,.0f}",
                f"{row.values('updates').mean():,.0f}",
                _spread(row.values("elbo", "reconstruction")),
                _spread(row.values("elbo", "divergence")),
                _spread(row.values("elbo", "nll")),
                _spread(row.values("iw", "nll")),
                _optional(row.values("live"), ".1f"),
                f"{row.values('seconds').mean():.0f}",
                f"{row.values('encoding_ms').mean():.2f}",
                str(row.compare(reference)) if compared and reference else "",
            )
        )
    return table


def make_encoding_table(row: Row) -> list[tuple[str, ...]]:
    """Return the cells of the table of encoders, one tuple for each."""
    table: list[tuple[str, ...]] = []
    for i, entry in enumerate(row.results[0]["encoding"]):
        nll = np.array([result["encoding"][i]["nll"] for result in row.results])
        gain = row.compare(row, entry["name"], "IW-1")
        table.append((str(entry["cost"]), entry["name"], _spread(nll), str(gain)))
    return table


def write_markdown(path: Path, measurement: Measurement, rows: Sequence[Row]) -> None:
    """Write the tables in Markdown."""
    result = rows[0].results[0]
    machine, iw = result["machine"], result["iw"]
    lines = [
        f"# {measurement.env}, {measurement.minutes:g} minutes",
        "",
        f"{measurement.split} images, {measurement.num_images:,} for -ELBO, {iw['images']:,} for "
        f"IW-{iw['paths']}; nats, mean and standard deviation over seeds. {machine['processor']}, "
        f"{machine['torch_threads']} threads, torch {result['versions']['torch']}.",
        "",
        "Differences are paired; their standard error covers images, and seeds if there are "
        "several.",
        "",
        *markdown(COLUMNS, make_table(rows)),
    ]
    for row in rows:
        if "encoding" in row.results[0]:
            header = ("evaluations per decision", "encoder", "bound", "against one path")
            lines += ["", f"{row.name}, first {iw['images']:,} images:", ""]
            lines += markdown(header, make_encoding_table(row))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def plot(path: Path, measurement: Measurement, rows: Sequence[Row]) -> None:
    """Plot the bound against training time and images, the best variants in colour.

    Raises:
        ImportError: If matplotlib is not installed: `pip install -e '.[bench]'`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    ranked = sorted(rows, key=lambda row: row.nll)
    for place, row in enumerate(ranked):
        curves = [result["curve"] for result in row.results]
        points = min(map(len, curves))
        if not points:
            continue
        seconds, images, bound = np.array([curve[:points] for curve in curves]).mean(0).T
        style: dict[str, Any] = {"color": "0.8", "linewidth": 1, "zorder": 1}
        if place < _SHOWN:
            style = {"label": f"{row.name}  {row.nll:.2f}", "color": f"C{place}", "zorder": 3}
        panels[0].plot(seconds, bound, **style)
        panels[1].plot(images, bound, **style)
    best, worst = ranked[0].nll, ranked[min(_SHOWN, len(ranked)) - 1].nll
    margin = max(worst - best, 0.02 * abs(best))
    panels[0].set_ylim(best - 0.5 * margin, worst + 3 * margin)
    panels[0].set_xlabel("training time (s)")
    panels[1].set_xlabel("images seen")
    panels[1].set_xscale("log")
    panels[0].set_ylabel(f"-ELBO of {measurement.split} images (nats)")
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, title="final bound")
    figure.suptitle(f"{measurement.env}, {measurement.minutes:g} minutes")
    figure.savefig(path, dpi=150)


def _spread(values: NDArray[np.float64]) -> str:
    """Return mean and standard deviation over seeds."""
    text = f"{values.mean():.2f}"
    return text if len(values) < 2 else f"{text} ± {values.std(ddof=1):.2f}"


def _optional(values: NDArray[np.float64], form: str) -> str:
    """Return the mean, or an empty string if a value is missing."""
    return "" if np.isnan(values).any() else format(values.mean(), form)
