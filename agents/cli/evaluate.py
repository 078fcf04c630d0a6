"""`gcgen evaluate`: bound the negative log-likelihood of a split."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from agents.cli.checks import check_at_least, check_seed, reading_input
from agents.cli.models import find_model, load_model, take_split
from agents.cli.outputs import check_output
from agents.cli.settings import Ramp, parse_ramp
from agents.common.provenance import describe_machine, find_command, set_threads
from agents.common.versions import find_versions
from agents.gcgen import GCGen, NLLReport
from agents.gcgen.search import Search
from gcgen_env.atomic_files import write_json

Measurement = tuple[NLLReport, float]
"""A bound, and the seconds that its computation took."""


@dataclass(frozen=True)
class Evaluate:
    """Bound the negative log-likelihood of images in nats, with one path and with many.

    For a Bernoulli model grey images are binarised once, with the seed.
    """

    model: Path
    """The folder of a run, or a model.gcgen."""
    split: Literal["train", "validation", "test"] = "test"
    """Split of the data set. Use the validation images to choose settings."""
    paths: int = 64
    """Number of paths M of the importance-weighted bound IW-M; 1 skips this bound."""
    num_images: int | None = None
    """Number of images of the one-path bound, the first ones; by default all."""
    iw_images: int = 1000
    """Number of images of IW-M, the first ones."""
    seed: int = 0
    """Seed of the binarisation and of the paths."""
    look_ahead: Ramp | Literal["own"] = "own"
    """Replace the model's temperatures of the look-ahead, at the first step and after the last."""
    search: Search = "none"
    """Search that looks further ahead than the GC-agent does; "beam" has no IW-M."""
    width: int = 8
    """Number of proposals or partial paths that the search keeps."""
    json: Path | None = None
    """Also write the figures to this file."""
    overwrite: bool = False
    """Replace this file if it exists."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved since training."""
    device: str = "auto"
    """Torch device."""
    threads: int | None = None
    """Number of torch's threads; by default it is left as it is."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        with reading_input():
            sizes = ("paths", "num_images", "iw_images", "width")
            check_at_least(1, **{name: getattr(self, name) for name in sizes})
            check_seed(self.seed)
            if self.json is not None:
                check_output(self.json, self.overwrite, "--json", inputs=[find_model(self.model)])
            set_threads(self.threads)
            model = load_model(self.model, self.device)
            if self.look_ahead != "own":
                model.policy.set_selection(look_ahead=parse_ramp(self.look_ahead))
            images = take_split(model, self.split, self.num_images, self.data_dir)
        bounds = [self._measure(model, images, 1)]  # -ELBO
        if self.paths > 1 and self.search != "beam":  # a beam search finds one path
            bounds.append(self._measure(model, images[: self.iw_images], self.paths))
        Console().print(make_table(bounds, f"{self.model}, {self.split} images, nats"))
        if self.json is not None:
            write_json(self.json, self._document(model, bounds))
            print(f"wrote {self.json}")
        return 0

    def _measure(self, model: GCGen, images: NDArray[np.float32], num_paths: int) -> Measurement:
        """Measure one bound, and how long that takes."""
        with Console(stderr=True).status(f"{len(images):,} images, {num_paths} paths each"):
            start = time.perf_counter()
            report = model.evaluate_nll(images, num_paths, self.seed, self.search, self.width)
            return report, time.perf_counter() - start

    def _document(self, model: GCGen, bounds: list[Measurement]) -> dict[str, Any]:
        """Return the figures and what they depend on, as JSON values."""
        assert model.env_config is not None
        figures = {}
        for report, seconds in bounds:
            figures[report.name] = {**vars(report), "seconds": seconds}
            del figures[report.name]["per_image"]  # an array, too long for the file
        return {
            "bounds": figures,
            "model": str(self.model),
            "sha256": hashlib.sha256(find_model(self.model).read_bytes()).hexdigest(),
            "dataset": model.env_config.dataset,
            "split": self.split,
            "seed": self.seed,
            "look_ahead": model.policy.selection.look_ahead,
            "search": self.search,
            "width": self.width,
            "timesteps": model.num_timesteps,
            "command": find_command(),
            "versions": find_versions(),
            "machine": describe_machine(),
        }


def make_table(bounds: list[Measurement], title: str) -> Table:
    """Return a table of the figures with one column for each bound."""
    table = Table("", title=title)
    for report, _ in bounds:
        table.add_column(report.name, justify="right")
    reports = [report for report, _ in bounds]
    table.add_row("bound", *(f"{r.nll:.2f} ± {r.standard_error:.2f}" for r in reports))
    table.add_row("one path", *(f"{r.negative_elbo:.2f}" for r in reports))
    table.add_row("reconstruction", *(f"{r.reconstruction:.2f}" for r in reports))
    table.add_row("divergence", *(f"{sum(r.divergence):z.2f}" for r in reports))  # z: no -0.00
    for h in range(len(reports[0].divergence)):
        table.add_row(f"  step {h}", *(f"{r.divergence[h]:z.2f}" for r in reports))
    table.add_row("images", *(f"{r.num_images:,}" for r in reports))
    table.add_row("seconds", *(f"{seconds:.1f}" for _, seconds in bounds))
    return table
