"""Judges a model: real images, reconstructions and samples beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.embedding import find_embedding
from agents.evaluation.judge import Judge, Scores, show_figure, take_all
from agents.evaluation.sets import MOST, choose_sets
from gcgen_env.datasets import Dataset, find_nearest
from gcgen_env.viewer.card import draw_card
from gcgen_env.viewer.rows import labelled_rows

Images = NDArray[np.float32]
REAL, REBUILT, SAMPLES = "real images", "their reconstructions", "samples"
CLASSES = "samples of their classes"
"""Names of the sets of images."""
SHOWN, ROW = 32, 12
"""Number of images of a set in the page, and in a notebook."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """The figures of a model, and images to look at."""

    scores: list[Scores]
    """One entry for each set of images, the real ones first."""
    features: str
    """What the images were compared by."""
    num_reference: int
    """Number of images of the reference."""
    pictures: dict[str, Images]
    """The first images of each set, by its name."""
    nearest: tuple[Images, Images, NDArray[np.float64]]
    """Samples, the nearest training images, and their distances."""

    def __repr__(self) -> str:
        """Show the main figures of each set, not the images."""
        return f"Evaluation({self.describe()}, features={self.features!r})"

    def _repr_html_(self) -> str:
        """Return the main figures and the first images of the sets, for notebooks."""
        rows = [(name, images[:ROW]) for name, images in self.pictures.items()]
        has_images = all(images.ndim == 4 for _, images in rows)  # points have no rows
        picture = labelled_rows(rows) if has_images else None
        return draw_card("Samples beside real images", self.describe(), picture)

    def describe(self) -> dict[str, str]:
        """Return FID and coverage of each set, by its name."""
        return {
            s.name: f"FID {show_figure(s.fid)}, coverage {s.prdc.coverage:.3f}" for s in self.scores
        }


def evaluate_samples(
    model: Any,
    train: Dataset,
    reference: Dataset,
    num: int = MOST,
    seed: int = 0,
    announce: Callable[[str], object] = lambda what: None,
    beside: Mapping[str, Images] = MappingProxyType({}),
) -> Evaluation:
    """Compare what a model draws with real images.

    The real images are training images of which none is in the reference: a perfect model would
    have their figures. Their reconstructions tell what the S-agent can draw if the GC-agent, which
    sees the goal, chooses. If samples are worse than these, the S-agent chooses worse.

    Args:
        model: A `GCGen`.
        train: Its training images.
        reference: Images that were not trained on.
        num: Number of samples; fewer if there are not twice as many training images.
        seed: Seed of every draw.
        announce: Called with what is done next.
        beside: Samples of other models by their names, shape (M, *S) each, judged alike.

    Raises:
        ValueError: If there are too few images, or torchmetrics is not installed.
    """
    sets = choose_sets(train, reference, num, seed)
    others = take_as_many(beside, sets.real)
    embedding = find_embedding(train.name, take_all(sets.reference))
    announce("the reference")
    judge = Judge(sets, embedding, seed)
    scores, pictures = [], {}
    drawn = _draw_sets(model, sets.real, seed, announce)
    for name, images, label in chain(drawn, ((*other, None) for other in others.items())):
        announce(f"figures of {name}")
        scores.append(judge.judge(name, images, label, memorisation=name != REBUILT))
        pictures[name] = images[:SHOWN]
    samples = pictures[SAMPLES]
    item, distance = find_nearest(samples, train)
    nearest = (samples, train.take(item), distance)
    return Evaluation(scores, embedding.name, len(sets.reference), pictures, nearest)


def take_as_many(beside: Mapping[str, Images], real: Dataset) -> dict[str, Images]:
    """Return the first samples of other models, as many as there are real images.

    Raises:
        ValueError: If there are fewer, their shape is another, or a name is that of another set.
    """
    for name, images in beside.items():
        if name in (REAL, REBUILT, SAMPLES, CLASSES):
            raise ValueError(f"samples of another model cannot be called {name!r}, a set's name")
        if images.shape[1:] != real.shape or len(images) < len(real):
            # FID falls with the number of images, so a smaller set would look worse than it is
            raise ValueError(
                f"{name!r} must hold {len(real):,} images of shape {real.shape}, as many as the "
                f"other sets, got an array of shape {images.shape}"
            )
    return {name: images[: len(real)] for name, images in beside.items()}


def _draw_sets(
    model: Any, real: Dataset, seed: int, announce: Callable[[str], object]
) -> Iterator[tuple[str, Images, NDArray[np.int64] | None]]:
    """Yield the sets of images to judge: name, images, and the classes that were asked for."""
    images, num = take_all(real), len(real)
    yield REAL, images, None
    announce(f"reconstructions of {num:,} images")
    yield REBUILT, model.reconstruct(images), None
    announce(f"{num:,} samples")
    yield SAMPLES, model.sample(num, seed), None
    if model.chain.num_classes and real.labels is not None:
        yield CLASSES, model.sample(num, seed, label=real.labels), real.labels
