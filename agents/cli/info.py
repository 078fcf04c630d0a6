"""`gcgen info`: list what is available."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.cli.checks import reading_input
from agents.common.versions import find_versions
from gcgen_env.tasks import ENV_CONFIGS


@dataclass(frozen=True)
class Info:
    """List environment ids, data sets, devices and versions."""

    data_dir: Path | None = None
    """Folder of the data files; by default $GCGEN_DATA, then the user's cache."""
    json: bool = False
    """Print a JSON object, for programs; it also lists the files of the shipped S-agents."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.common.provenance import list_devices

        with reading_input():
            if self.data_dir is not None and not self.data_dir.is_dir():
                raise ValueError(
                    f"--data-dir must be a folder, and {self.data_dir} is not a folder"
                )
        if self.json:
            print(json.dumps(describe(self.data_dir), indent=2, default=str))
            return 0
        console = Console(soft_wrap=True)  # lines stay whole in a pipe
        console.print(list_ids())
        console.print(list_datasets(self.data_dir))
        console.print("devices: " + ", ".join(list_devices()), highlight=False)
        versions = (f"{name} {version}" for name, version in find_versions().items())
        console.print("versions: " + ", ".join(versions), highlight=False)
        return 0


def describe(data_dir: Path | None) -> dict[str, Any]:
    """Return what is available as JSON values."""
    from agents.common.provenance import list_devices
    from gcgen_env.registration import default_kwargs

    return {
        "versions": find_versions(),
        "environments": {env_id: default_kwargs(env_id) for env_id in ENV_CONFIGS},
        "datasets": find_datasets(data_dir),
        "shipped_s_agents": find_shipped(),
        "devices": list_devices(),
    }


def find_datasets(data_dir: Path | None) -> dict[str, dict[str, Any]]:
    """Return for each data set whether it is here, and the folder of its files if it has any."""
    from gcgen_env.datasets import DATASETS, find_dataset
    from gcgen_env.datasets.sources import IDX_SOURCES

    found = {}
    for name in DATASETS:
        folder = find_dataset(name, data_dir) if name in IDX_SOURCES else None
        bundled = name not in IDX_SOURCES
        found[name] = {
            "available": bundled or folder is not None,
            "bundled": bundled,
            "folder": None if folder is None else str(folder),
        }
    return found


def find_shipped() -> dict[str, dict[str, Any]]:
    """Return the file, the size and the SHA-256 of the S-agent shipped for each data set."""
    from gcgen_env.datasets import DATASETS
    from gcgen_env.model.pretrained import pretrained_path

    shipped = {}
    for name in DATASETS:
        try:
            path = pretrained_path(name)
        except ValueError:  # none is shipped for this data set
            continue
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        shipped[name] = {"path": str(path), "bytes": len(content), "sha256": digest}
    return shipped


def list_ids() -> Table:
    """Return a table of the environment ids and their defaults."""
    table = Table(title="environments")
    table.add_column("id", no_wrap=True)
    for name in ("A", "H", "likelihood", "proposer"):
        table.add_column(name)
    for env_id, config in ENV_CONFIGS.items():
        likelihood = config.likelihood
        if likelihood == "gaussian":
            likelihood += ", sigma " + ("fitted" if config.sigma is None else f"{config.sigma:g}")
        table.add_row(env_id, *map(str, config.sizes), likelihood, str(config.proposer))
    return table


def list_datasets(data_dir: Path | None) -> Table:
    """Return a table of the data sets and the folders where they are found."""
    table = Table(title="data sets")
    table.add_column("name")
    table.add_column("where", overflow="fold")
    for name, found in find_datasets(data_dir).items():
        missing = "not here: the first use downloads it"
        table.add_row(
            name, "comes with the library" if found["bundled"] else found["folder"] or missing
        )
    return table
