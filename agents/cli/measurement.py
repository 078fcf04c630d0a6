"""The bounds that `gcgen evaluate` measures, as a table and as JSON values."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from agents.common.provenance import describe_machine, find_command
from agents.common.versions import find_versions
from agents.gcgen import GCGen, NLLReport

Measurement = tuple[NLLReport, float]
"""A bound, and the seconds that its computation took."""


def measure(
    model: GCGen, images: NDArray[np.float32], num_paths: int, **options: Any
) -> Measurement:
    """Measure one bound, and how long that takes; options are those of `evaluate_nll`."""
    with Console(stderr=True).status(f"{len(images):,} images, {num_paths} paths each"):
        start = time.perf_counter()
        report = model.evaluate_nll(images, num_paths, **options)
        return report, time.perf_counter() - start


def describe(model: GCGen, bounds: list[Measurement]) -> dict[str, Any]:
    """Return the figures and what they depend on, as JSON values."""
    assert model.env_config is not None
    figures = {}
    for report, seconds in bounds:
        figures[report.name] = {**vars(report), "seconds": seconds}
        del figures[report.name]["per_image"]  # an array, too long for the file
    return {
        "bounds": figures,
        "dataset": model.env_config.dataset,
        "look_ahead": model.policy.selection.look_ahead,
        "timesteps": model.num_timesteps,
        "command": find_command(),
        "versions": find_versions(),
        "machine": describe_machine(),
    }


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def print_table(bounds: list[Measurement], title: str) -> None:
    """Print a table of the figures with one column for each bound."""
    table = Table("", title=title)
    for report, _ in bounds:
        table.add_column(report.name, justify="right")
    reports = [report for report, _ in bounds]
    table.add_row("bound", *(r.bound for r in reports))
    if all(report.bits_per_dim is not None for report in reports):
        table.add_row("bits per dimension", *(f"{r.bits_per_dim:.3f}" for r in reports))
    table.add_row("one path", *(f"{r.negative_elbo:.2f}" for r in reports))
    table.add_row("reconstruction", *(f"{r.reconstruction:.2f}" for r in reports))
    table.add_row("divergence", *(f"{sum(r.divergence):z.2f}" for r in reports))  # z: no -0.00
    for h in range(len(reports[0].divergence)):
        table.add_row(f"  step {h}", *(f"{r.divergence[h]:z.2f}" for r in reports))
    table.add_row("images", *(f"{r.num_images:,}" for r in reports))
    table.add_row("seconds", *(f"{seconds:.1f}" for _, seconds in bounds))
    Console().print(table)
