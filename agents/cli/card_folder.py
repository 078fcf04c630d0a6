"""`gcgen export --card`: writes the folder of a model card, and checks its place."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.cards import Figures, ModelCard, make_readme
from agents.cards.card import FILES, LICENSE, README, make_mit
from agents.cli.models import load_split, take_split
from agents.cli.pictures import write_reconstructions, write_samples, write_trajectories
from agents.cli.run_folder import RunRecord
from agents.cli.start_run import flatten
from agents.gcgen import GCGen
from gcgen_env.atomic_files import write_bytes, writing_folder
from gcgen_env.datasets import Dataset
from gcgen_env.model.s_agent import FILE_NAME

GOALS = 16
"""Number of test images whose reconstructions are drawn."""
_OF_ONE_CALL = {
    *("config", "data_dir", "device", "max_restarts", "out", "overwrite", "processes", "resume"),
    *("threads", "track"),
}
"""Settings that say nothing about the model, or tell of folders of the machine."""


@dataclass(frozen=True)
class CardRequest:
    """What the user asks for."""

    folder: Path
    """Where to write the card; checked."""
    license: str
    """Identifier of the licence."""
    license_text: str
    """Its text."""
    seed: int = 0
    """Seed of the pictures."""
    half: bool = True
    """Store the weights as float16."""


class Data(NamedTuple):
    """The data of a model."""

    train: Dataset
    """Training images."""
    images: NDArray[np.float32]
    """Test images, shape (N, *S)."""


def read_license(name: str, path: Path | None, author: str | None) -> str:
    """Return the text of a licence.

    Args:
        name: Its identifier.
        path: A file with its text; None for the text of "mit".
        author: Who owns the model, for the text of "mit".

    Raises:
        ValueError: If there is no text, or the file is no text.
        OSError: If the file cannot be read.
    """
    if path is None and name != "mit":
        raise ValueError(f"--license {name} needs its text: add --license-file FILE")
    if path is None:
        return make_mit(author, date.today().year)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"--license-file {path} is no text in UTF-8") from error


def check_place(folder: Path, overwrite: bool) -> None:
    """Raise a ValueError unless a card can be written without losing other files."""
    place = Path(os.path.realpath(folder))  # links and ".." may lead to the present folder
    if place == Path.cwd() or place in Path.cwd().parents:
        raise ValueError(f"--card must name a new folder, got {folder}, the one you are in")
    # What does not exist yet is made: the nearest folder above it decides.
    first = next(each for each in (place, *place.parents) if each.exists())
    if not first.is_dir():
        raise ValueError(f"--card cannot be {folder}: {first} is a file, not a folder")
    above = first.parent if first == place else first
    if not os.access(above, os.W_OK | os.X_OK):
        raise ValueError(f"--card cannot be {folder}: no permission to write in {above}")
    found = sorted(os.listdir(place)) if first == place else []
    if others := [name for name in found if name not in FILES]:
        raise ValueError(
            f"--card cannot be {folder}: it holds {others[0]}, which belongs to no card; choose "
            "another folder"
        )
    if found and not overwrite:
        raise ValueError(
            f"{folder} already holds a card: replace it with --overwrite, or choose another --card"
        )


def find_data(model: GCGen, data_dir: Path | None) -> Data | None:
    """Return the data of a model; None if they are not at hand.

    Raises:
        OSError: If they are not in `data_dir`, which the user has named.
        ValueError: If they do not fit the model.
    """
    try:
        train = load_split(model, "train", data_dir)
        return Data(train, take_split(model, "test", data_dir=data_dir))
    except OSError as error:
        if data_dir is not None:  # the user has named it
            raise
        print(f"the figures are marked as not evaluated: {error}", file=sys.stderr)
        return None


def write_card(
    request: CardRequest,
    model: GCGen,
    record: RunRecord,
    data: Data | None,
    figures: Figures | None,
    metadata: Mapping[str, Any],
) -> None:
    """Write the folder of a card, whole or not at all.

    Args:
        request: Where to write, the licence, and how to draw and to store.
        model: The model, with the weights that the file will hold.
        record: Its run.
        data: Its data; None if they are not at hand.
        figures: Figures on the test images.
        metadata: Metadata of the file of the S-agent.

    Raises:
        OSError: If the files cannot be written.
    """
    place = Path(os.path.realpath(request.folder))
    with writing_folder(place) as folder:  # a folder beside it, renamed at the end
        pictures = draw(folder, model, data, request.seed)
        model.s_agent.save(folder / FILE_NAME, half=request.half, **metadata)
        write_bytes(folder / LICENSE, request.license_text.encode())
        card = ModelCard(
            title=place.name,
            s_agent=model.s_agent,
            data=name_data(model),
            pictures=pictures,
            figures=figures,
            num_train=None if data is None else len(data.train),
            training=describe_training(model, record),
            settings=describe_settings(record.settings),
            license=request.license,
        )
        write_bytes(folder / README, make_readme(card).encode())


def draw(folder: Path, model: GCGen, data: Data | None, seed: int) -> tuple[str, ...]:
    """Draw the pictures of a card; return the names of their files."""
    write_samples(model, folder / "samples.png", seed=seed)
    write_samples(model, folder / "drawing.gif", seed=seed)
    write_trajectories(model, folder / "trajectories.png", seed=seed)
    names = ("samples.png", "drawing.gif", "trajectories.png")
    if data is None:
        return names
    write_reconstructions(model, data.images[:GOALS], folder / "reconstructions.png")
    return (*names, "reconstructions.png")


def name_data(model: GCGen) -> str:
    """Return the name of a data set, of a user's file without its folder."""
    assert model.env_config is not None
    dataset = model.env_config.dataset
    return Path(dataset).name if isinstance(dataset, str | Path) else "images"


def describe_training(model: GCGen, record: RunRecord) -> dict[str, Any]:
    """Return how a model was trained, in words."""
    found = {
        "command": record.command,
        "environment": record.settings.get("env"),
        "seed": model.seed,
        "minutes": round(record.minutes, 1),
        "timesteps": model.num_timesteps,
        "updates": model._n_updates,
        "versions": record.versions,
        "machine": record.machine,
    }
    return {name: value for name, value in found.items() if value is not None}


def describe_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that belong to the model, without folders of the machine."""
    flat = {
        name: value
        for name, value in flatten(dict(settings)).items()
        if name not in _OF_ONE_CALL and value is not None
    }
    if isinstance(flat.get("dataset"), str):
        flat["dataset"] = Path(flat["dataset"]).name  # folders of the machine are private
    return flat
