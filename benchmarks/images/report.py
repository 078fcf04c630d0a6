"""The results of the comparison of images: a table for people and one for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.benchmark.results import markdown
from benchmarks.images.trial import Measurement
from benchmarks.trials import RESULT, folder_of

COLUMNS = (
    "model",
    "seeds",
    "images seen",
    "CPU seconds",
    "PSNR, test",
    "PSNR, training",
    "MSE, test",
    "sigma",
    "reconstruction",
    "divergence",
    "-ELBO",
    "bits/dim",
    "ms a sample",
    "nearest",
)

Results = list[dict[str, Any]]
"""The results of all seeds of one model."""


def read_results(out: Path, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Results]:
    """Read the finished trials by name, in the order of the names."""
    found: dict[str, Results] = {}
    for name in names:
        paths = [folder_of(out, name, seed) / RESULT for seed in seeds]
        done = [json.loads(path.read_text()) for path in paths if path.is_file()]
        if done:
            found[name] = done
    return found


def make_table(results: dict[str, Results]) -> list[tuple[str, ...]]:
    """Return the cells of the table, one tuple for each model."""
    return [
        (
            name,
            str(len(rows)),
            _show(rows, ",.0f", "images_seen"),
            _show(rows, ".0f", "seconds"),
            _show(rows, ".2f", "test", "psnr"),
            _show(rows, ".2f", "train", "psnr"),
            _show(rows, ".5f", "test", "mse"),
            _show(rows, ".4f", "sigma"),
            _show(rows, ",.0f", "test", "reconstruction"),
            _show(rows, ",.1f", "test", "divergence"),
            _show(rows, ",.0f", "test", "nll"),
            _show(rows, ".3f", "test", "bits_per_dim"),
            _show(rows, ".2f", "sampling_ms"),
            _show(rows, ".3f", "nearest_distance"),
        )
        for name, rows in results.items()
    ]


def write_markdown(path: Path, measurement: Measurement, results: dict[str, Results]) -> None:
    """Write the table in Markdown, with what it depends on."""
    first = next(iter(results.values()))[0]
    machine, versions = first["machine"], first["versions"]
    counts = ", ".join(f"{first[name]['images']:,} {name}" for name in ("test", "train"))
    lines = [
        f"# {measurement.data}, {measurement.minutes:g} minutes of the processor",
        "",
        f"A = {measurement.num_proposals}, H = {measurement.horizon}; {counts} images. PSNR in dB; "
        "the bound of test images in nats, at the sigma that suits the validation images; bits for "
        "each value of images of bytes. `nearest`: mean distance of samples from the nearest "
        f"training image. {machine['processor']}, {machine['torch_threads']} thread(s), torch "
        f"{versions['torch']}.",
        "",
        *markdown(COLUMNS, make_table(results)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _show(rows: Results, form: str, *path: str) -> str:
    """Return the mean of a value over seeds, and its standard deviation if there are several."""
    values = np.array([_find(row, path) for row in rows])
    if np.isnan(values).any():
        return ""
    text = format(values.mean(), form)
    return text if len(values) < 2 else f"{text} ± {values.std(ddof=1):{form}}"


def _find(result: dict[str, Any], path: Sequence[str]) -> float:
    """Return the number under a path of keys; NaN for null."""
    found: Any = result
    for key in path:
        found = found[key]
    return math.nan if found is None else float(found)
