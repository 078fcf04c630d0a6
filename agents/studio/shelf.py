"""The models of a studio: the shipped ones and saved ones, each loaded at its first use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

from agents.gcgen import GCGen
from agents.studio.shared_model import SharedModel
from gcgen_env.datasets import Dataset, find_dataset, load_dataset
from gcgen_env.datasets.sources import IDX_SOURCES
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent

SHIPPED = {"MNIST": "mnist", "Digits": "digits", "Toy2D": "two_moons"}
"""The shipped S-agents by the names that the page shows, and their data sets."""


class Shelf:
    """Models by their names; every session shares them."""

    def __init__(self, models: dict[str, Callable[[], SharedModel]]) -> None:
        """Store functions that load the models; the first one is shown first."""
        self._makers = models
        self._loaded: dict[str, SharedModel] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Names of the models, the first one is shown first."""
        return list(self._makers)

    def find(self, name: str) -> SharedModel:
        """Return a model.

        Raises:
            ValueError: If no model has this name.
        """
        if name not in self._makers:
            raise ValueError("there is no such model: load the page again")
        with self._lock:  # two sessions may ask for it at once
            if name not in self._loaded:
                self._loaded[name] = self._makers[name]()
            return self._loaded[name]


def make_shelf(models: Sequence[tuple[str, GCGen | SAgent]] = (), shipped: bool = True) -> Shelf:
    """Put models on a shelf.

    Args:
        models: Names and models; they stand before the shipped ones.
        shipped: Whether the shipped S-agents are there, too.
    """
    makers: dict[str, Callable[[], SharedModel]] = {}
    for name, model in models:
        makers[_find_free(name, makers)] = partial(share, name, model)
    if shipped:
        for name, dataset in SHIPPED.items():
            makers[_find_free(name, makers)] = partial(_share_shipped, name, dataset)
    return Shelf(makers)


def share(name: str, model: GCGen | SAgent) -> SharedModel:
    """Share a model; the goals of a `GCGen` are its test images."""
    goals = None if isinstance(model, SAgent) else partial(model.load_split, "test")
    return SharedModel(name, model, goals)


def _share_shipped(name: str, dataset: str) -> SharedModel:
    """Share a shipped S-agent; nothing is downloaded for its goals."""
    is_here = dataset not in IDX_SOURCES or find_dataset(dataset) is not None
    goals: Callable[[], Dataset] | None = partial(load_dataset, dataset, "test")
    return SharedModel(name, SAgent.load(pretrained_path(dataset)), goals if is_here else None)


def _find_free(name: str, taken: dict[str, Callable[[], SharedModel]]) -> str:
    """Return a name that is not taken: the second model `runs/a` becomes `runs/a (2)`."""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
