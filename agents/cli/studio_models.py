"""The models of `gcgen studio`, and the recorder of its games."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from agents.cli.models import load_sampler
from agents.cli.recording import check_place, make_spec
from agents.gcgen import GCGen
from agents.offline.minari_layout import import_minari
from agents.studio.recording import Recorder
from agents.studio.shelf import SHIPPED, Shelf, make_shelf
from gcgen_env.datasets import find_dataset
from gcgen_env.datasets.sources import IDX_SOURCES
from gcgen_env.tasks import GENERATIVE


def read_models(paths: Sequence[Path], shipped: bool, device: str) -> Shelf:
    """Load saved models.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If one is damaged.
    """
    models = [(str(path), load_sampler(path, device)) for path in paths]
    return make_shelf(models, shipped)


def find_recorder(
    shelf: Shelf, paths: Sequence[Path], root: Path, name: str, overwrite: bool
) -> Recorder:
    """Return a recorder of the games with the first model of a shelf.

    Args:
        shelf: The models.
        paths: Where the models come from that are not shipped.
        root: Folder of all data sets.
        name: Name of the data set.
        overwrite: Whether a data set of this name may be replaced.

    Raises:
        ValueError: If Minari is not installed, the place is taken, or the model has no
            environment.
    """
    import_minari()
    check_place(root, name, overwrite)
    model = shelf.find(shelf.names[0])
    if not paths:
        (env_id,) = (i for i, each in GENERATIVE.items() if each.dataset == SHIPPED[model.name])
        dataset = str(GENERATIVE[env_id].dataset)
        if dataset in IDX_SOURCES and find_dataset(dataset) is None:
            raise ValueError(f"--record needs the data set {dataset}, which is not on this machine")
        return Recorder(root, name, make_spec(env_id, {}), model.digest)
    if not isinstance(model.model, GCGen) or model.model.env_config is None:
        raise ValueError(
            f"--record needs the environment of the model, and {paths[0]} holds an S-agent alone: "
            "pass the model.gcgen of the run"
        )
    kwargs = asdict(model.model.env_config)
    if not isinstance(kwargs["dataset"], str | Path):
        raise ValueError("--record needs a data set that a file or a name stands for")
    proposer = root / "s_agents" / f"{model.digest}.safetensors"  # the data set names it
    model.s_agent.save(proposer)
    kwargs = {**kwargs, "dataset": str(kwargs["dataset"]), "proposer": str(proposer.absolute())}
    return Recorder(root, name, make_spec("GCGen-Images-v0", kwargs), model.digest)
