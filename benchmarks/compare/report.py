"""The results of the comparison: two tables for people, and how trials are read."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.benchmark.results import markdown
from benchmarks.compare.quality import SCORES
from benchmarks.compare.trial import Measurement
from benchmarks.trials import RESULT, folder_of

Column = tuple[str, str, tuple[str, ...]]
"""Title, format and path of a number in the result of a trial."""
SAMPLE_COLUMNS: tuple[Column, ...] = (
    ("images seen", ",.0f", ("images_seen",)),
    ("CPU seconds", ".0f", ("seconds",)),
    ("FID", ".1f", ("samples", "fid")),
    ("precision", ".3f", ("samples", "precision")),
    ("recall", ".3f", ("samples", "recall")),
    ("density", ".3f", ("samples", "density")),
    ("coverage", ".3f", ("samples", "coverage")),
    ("nearest", ".3f", ("samples", "nearest")),
    ("copies", ".3f", ("samples", "memorisation", "share")),
    ("ms a sample", ".2f", ("sampling_ms",)),
)
CODE_COLUMNS: tuple[Column, ...] = (
    ("PSNR, test", ".2f", ("codes", "test", "psnr")),
    ("PSNR, training", ".2f", ("codes", "train", "psnr")),
    ("MSE, test", ".5f", ("codes", "test", "mse")),
    ("sigma", ".4f", ("codes", "sigma")),
    ("reconstruction", ",.1f", ("codes", "test", "reconstruction")),
    ("divergence", ",.1f", ("codes", "test", "divergence")),
    ("-ELBO", ",.1f", ("codes", "test", "nll")),
    ("bits/dim", ".3f", ("codes", "test", "bits_per_dim")),
)
MISSING = "-"
"""Stands for a number that a model does not have."""

Results = list[dict[str, Any]]
"""The results of all seeds of one model."""


def read_results(out: Path, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Results]:
    """Read the trials that are judged by name, in the order of the names."""
    found: dict[str, Results] = {}
    for name in names:
        folders = [folder_of(out, name, seed) for seed in seeds]
        judged = [folder for folder in folders if (folder / SCORES).is_file()]
        if judged:
            found[name] = [_read(folder, RESULT) | read_scores(folder) for folder in judged]
    return found


def read_scores(folder: Path) -> dict[str, Any]:
    """Return the figures of samples, as part of the result of a trial."""
    return {"samples": _read(folder, SCORES)}


def _read(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / name).read_text(encoding="utf-8"))


class Cells(NamedTuple):
    """A table of texts."""

    columns: tuple[str, ...]
    """Titles of the columns."""
    rows: list[tuple[str, ...]]
    """One text for each column."""


def make_tables(real: dict[str, Any], results: dict[str, Results]) -> dict[str, Cells]:
    """Return the tables of samples and of codes, by their titles."""
    return {
        "samples": _make_cells(SAMPLE_COLUMNS, {"real images": [real], **results}),
        "codes of images": _make_cells(CODE_COLUMNS, results),
    }


def write_markdown(
    path: Path, measurement: Measurement, real: dict[str, Any], results: dict[str, Results]
) -> None:
    """Write the tables in Markdown, with what they depend on."""
    first = next(iter(results.values()))[0]
    machine, versions = first["machine"], first["versions"]
    lines = [
        f"# {measurement.data}, {measurement.minutes:g} minutes of the processor",
        "",
        f"{measurement.num_samples:,} samples of each model, and as many training images, are "
        f"compared with the test images by {real['samples']['features']}. `nearest`: mean distance "
        "from the nearest of other training images. `copies`: share that is nearer to these than "
        "to as many test images. PSNR in dB; the bound of at most "
        f"{measurement.num_images:,} test images in nats, at the sigma that suits the validation "
        f"images; bits for each value of stored images. {machine['processor']}, "
        f"{machine['torch_threads']} thread(s), torch {versions['torch']}.",
    ]
    for title, table in make_tables(real, results).items():
        lines += ["", f"## {title.capitalize()}", "", *markdown(table.columns, table.rows)]
    lines += ["", "## Settings", "", *_list_settings(results)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _make_cells(columns: tuple[Column, ...], results: dict[str, Results]) -> Cells:
    """Return a row of texts for each model."""
    rows = [
        (name, str(len(found)), *(_show(found, form, path) for _, form, path in columns))
        for name, found in results.items()
    ]
    return Cells(("model", "seeds", *(title for title, _, _ in columns)), rows)


def _list_settings(results: dict[str, Results]) -> list[str]:
    """Return a line for each model with its settings."""
    return [f"- {name}: `{json.dumps(found[0]['options'])}`" for name, found in results.items()]


def _show(rows: Results, form: str, path: Sequence[str]) -> str:
    """Return the mean of a value over seeds, and its standard deviation if there are several."""
    values = np.array([_find(row, path) for row in rows])
    if np.isnan(values).any():
        return MISSING
    text = format(values.mean(), form)
    return text if len(values) < 2 else f"{text} ± {values.std(ddof=1):{form}}"


def _find(result: dict[str, Any], path: Sequence[str]) -> float:
    """Return the number under a path of keys; NaN for null, and if a key is missing."""
    found: Any = result
    for key in path:
        found = None if found is None else found.get(key)
    return math.nan if found is None else float(found)
