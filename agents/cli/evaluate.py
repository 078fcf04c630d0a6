"""`gcgen evaluate`: bound the negative log-likelihood of a split."""

from __future__ import annotations

import hashlib
import shlex
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from agents.cli.checks import check_at_least
from agents.cli.models import load_model, take_split
from agents.cli.run_folder import write_json
from agents.cli.settings import Ramp, parse_ramp
from agents.common.provenance import describe_machine, find_versions, set_threads
from agents.gcgen import GCGen, NLLReport


@dataclass(frozen=True)
class Evaluate:
    """Bound the negative log-likelihood of images, by one path and by many, in nats.

    Grey images of a Bernoulli model are binarised once, by the seed.
    """

    model: Path
    """A model.gcgen."""
    split: Literal["train", "validation", "test"] = "test"
    """Which images of the data set. Choose settings on the validation images."""
    paths: int = 64
    """M of the importance-weighted bound IW-M; 1 leaves it out."""
    num_images: int | None = None
    """Images of the one-path bound, the first ones; all if left out."""
    iw_images: int = 1000
    """Images of IW-M, the first ones."""
    seed: int = 0
    """Of the binarisation and the paths."""
    look_ahead: Ramp | Literal["own"] = "own"
    """Temperatures of the look-ahead at the first step and after the last, instead of the
    model's own."""
    search: Literal["none", "two_step", "three_step", "beam"] = "none"
    """Look further ahead than the GC-agent does; a beam has no IW-M."""
    width: int = 8
    """Proposals or partial paths that the search keeps."""
    json: Path | None = None
    """Write the figures to this file, too."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved."""
    device: str = "auto"
    """Torch device."""
    threads: int | None = None
    """Threads of torch; left alone if not given."""

    def run(self) -> int:
        """Run the command; returns its exit code."""
        for name in ("paths", "num-images", "iw-images", "width"):
            check_at_least(name, getattr(self, name.replace("-", "_")), 1)
        check_at_least("seed", self.seed, 0)
        set_threads(self.threads)
        model = load_model(self.model, self.device)
        if self.look_ahead != "own":
            model.policy.set_selection(look_ahead=parse_ramp(self.look_ahead))
        images = take_split(model, self.split, self.num_images, self.data_dir)
        rows = [self._measure(model, images, 1)]
        if self.paths > 1 and self.search != "beam":
            rows.append(self._measure(model, images[: self.iw_images], self.paths))
        Console().print(make_table(rows, f"{self.model}, {self.split} images, nats"))
        if self.json is not None:
            write_json(self.json, self._document(model, rows))
            print(f"wrote {self.json}")
        return 0

    def _measure(self, model: GCGen, images: NDArray[np.float32], num_paths: int) -> Measurement:
        """Evaluate, and take the time."""
        with Console(stderr=True).status(f"{len(images):,} images, {num_paths} paths each"):
            start = time.perf_counter()
            report = model.evaluate_nll(images, num_paths, self.seed, self.search, self.width)
            return Measurement(report, time.perf_counter() - start)

    def _document(self, model: GCGen, rows: list[Measurement]) -> dict[str, Any]:
        """Return everything that a reader of the figures needs, as JSON values."""
        assert model.env_config is not None
        return {
            "bounds": {row.report.name: row.to_json() for row in rows},
            "model": str(self.model),
            "sha256": hashlib.sha256(self.model.read_bytes()).hexdigest(),
            "dataset": model.env_config.dataset,
            "split": self.split,
            "seed": self.seed,
            "look_ahead": model.policy.selection.look_ahead,
            "search": self.search,
            "width": self.width,
            "timesteps": model.num_timesteps,
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "versions": find_versions(),
            "machine": describe_machine(),
        }


@dataclass(frozen=True)
class Measurement:
    """A report and how long it took."""

    report: NLLReport
    """The bound."""
    seconds: float
    """Time it took."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values; the images' own ones are left out."""
        names = [f.name for f in fields(self.report) if f.name != "per_image"]
        figures = {name: getattr(self.report, name) for name in names}
        return {**figures, "seconds": self.seconds}


def make_table(rows: list[Measurement], title: str) -> Table:
    """Return the figures as a table, one column for each bound."""
    table = Table(title=title)
    table.add_column("")
    for row in rows:
        table.add_column(row.report.name, justify="right")
    reports = [row.report for row in rows]
    table.add_row("bound", *(f"{r.nll:.2f} ± {r.standard_error:.2f}" for r in reports))
    table.add_row("one path", *(f"{r.negative_elbo:.2f}" for r in reports))
    table.add_row("reconstruction", *(f"{r.reconstruction:.2f}" for r in reports))
    table.add_row("divergence", *(f"{sum(r.divergence):z.2f}" for r in reports))
    for h in range(len(reports[0].divergence)):
        table.add_row(f"  step {h}", *(f"{r.divergence[h]:z.2f}" for r in reports))
    table.add_row("images", *(f"{r.num_images:,}" for r in reports))
    table.add_row("seconds", *(f"{row.seconds:.1f}" for row in rows))
    return table
