"""`gcgen info`: list what is available."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agents.common.provenance import find_versions, list_devices
from gcgen_env.config import ENV_CONFIGS
from gcgen_env.datasets import DATASETS, find_dataset
from gcgen_env.datasets.sources import IDX_SOURCES


@dataclass(frozen=True)
class Info:
    """List environment ids, data sets, devices and versions."""

    data_dir: Path | None = None
    """Folder of the data files; by default $GCGEN_DATA, then the user's cache."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        console = Console(soft_wrap=True)  # lines stay whole in a pipe
        console.print(list_ids())
        console.print(list_datasets(self.data_dir))
        console.print("devices: " + ", ".join(list_devices()), highlight=False)
        versions = (f"{name} {version}" for name, version in find_versions().items())
        console.print("versions: " + ", ".join(versions), highlight=False)
        return 0


def list_ids() -> Table:
    """Return a table of the environment ids and their defaults."""
    table = Table("id", "A", "H", "likelihood", "proposer", title="environments")
    for env_id, config in ENV_CONFIGS.items():
        likelihood = config.likelihood
        if likelihood == "gaussian":
            likelihood += f", sigma {config.sigma:g}"
        sizes = (str(config.num_proposals), str(config.horizon))
        table.add_row(env_id, *sizes, likelihood, str(config.proposer))
    return table


def list_datasets(data_dir: Path | None) -> Table:
    """Return a table of the data sets and the folders where they are found."""
    table = Table(title="data sets")
    table.add_column("name")
    table.add_column("where", overflow="fold")
    for name in DATASETS:
        where = "comes with the library"
        if name in IDX_SOURCES:
            folder = find_dataset(name, data_dir)
            where = "not here: the first use downloads it" if folder is None else str(folder)
        table.add_row(name, where)
    return table
