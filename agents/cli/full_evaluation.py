"""`gcgen evaluate --full`: compares what a model draws with real images; table and page."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from agents.cli.models import load_split, read_images
from agents.cli.pictures import find_range
from agents.evaluation.distances import import_metrics
from agents.evaluation.evaluation import Evaluation, evaluate_samples, take_as_many
from agents.evaluation.page import make_page
from agents.evaluation.report import describe_evaluation, list_lines
from agents.evaluation.sets import choose_sets
from agents.gcgen import GCGen
from gcgen_env.atomic_files import write_bytes
from gcgen_env.datasets import Dataset

WIDTH = 160
"""Width of a table that goes to a file: its rows are not broken."""


@dataclass
class FullEvaluation:
    """A model, the images that it is compared with, and later the figures."""

    model: GCGen
    """The model."""
    train: Dataset
    """Its training images."""
    reference: Dataset
    """The images of the split."""
    num: int
    """Wanted number of samples."""
    beside: Mapping[str, NDArray[np.float32]]
    """Samples of other models, by the names of their files."""
    result: Evaluation | None = None
    """The figures, after `run`."""

    @classmethod
    def prepare(
        cls, model: GCGen, split: str, num: int, beside: Sequence[Path], data_dir: Path | None
    ) -> FullEvaluation:
        """Load the images.

        Raises:
            ValueError: If they are too few, two files of `beside` have the same name, or
                torchmetrics is not installed.
        """
        import_metrics()
        train, reference = (load_split(model, name, data_dir) for name in ("train", split))
        sets = choose_sets(train, reference, num)
        others = {path.stem: _read(path, model.chain.shape) for path in beside}
        if len(others) < len(beside):
            raise ValueError("the files of --beside need different names: they are the columns")
        return cls(model, train, reference, num, take_as_many(others, sets.real))

    def run(self, seed: int) -> dict[str, Any]:
        """Compare, print a table, and return the figures as JSON values."""
        with Console(stderr=True).status("") as status:
            self.result = evaluate_samples(
                self.model, self.train, self.reference, self.num, seed, status.update, self.beside
            )
        _print_table(self.result)
        return describe_evaluation(self.result)

    def write_page(self, path: Path, bounds: Sequence[str], document: dict[str, Any]) -> None:
        """Write the page.

        Args:
            path: Where to.
            bounds: Sentences about the bounds.
            document: The figures as JSON values, and how they were made.
        """
        assert self.result is not None
        footer = (
            f"{document['command']}; {document['model']}, sha256 {document['sha256'][:12]}, "
            f"seed {document['seed']}; {document['machine']['processor']}"
        )
        title = f"{document['dataset']}: {document['model']}"
        page = make_page(title, self.result, bounds, footer, **find_range(self.model))
        write_bytes(path, page.encode())


def _read(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Read samples of another model; every error names their path."""
    if not path.exists():  # `read_images` would look for a data set of this name
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(path))
    try:
        return read_images(path, shape, None)
    except ValueError as error:
        raise ValueError(f"--beside {path}: {error}") from error


def _print_table(result: Evaluation) -> None:
    """Print the figures with one column for each set of images."""
    table = Table("", title=f"compared with {result.num_reference:,} images by {result.features}")
    for each in result.scores:
        table.add_column(each.name, justify="right", overflow="fold")
    for line in list_lines(result.scores):
        table.add_row(line.name, *line.values)
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)
