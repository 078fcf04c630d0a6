"""Compares sets of images with a fixed reference: all figures of one set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.distances import KernelDistance, frechet_distance, kernel_distance
from agents.evaluation.embedding import Embedding
from agents.evaluation.memorisation import Memorisation, measure_memorisation
from agents.evaluation.prdc import PRDC, compute_prdc
from agents.evaluation.sets import ImageSets
from agents.evaluation.shares import Bins, class_divergence
from gcgen_env.datasets import Dataset

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Scores:
    """What is measured of a set of images."""

    name: str
    """What the images are."""
    num_images: int
    """Their number."""
    fid: float
    """Frechet distance of the features."""
    kid: KernelDistance
    """Kernel distance of the features."""
    prdc: PRDC
    """Precision, recall, density and coverage of the features."""
    different_bins: int
    """NDB: bins of pixels whose shares differ."""
    num_bins: int
    """Number of the bins."""
    class_divergence: float | None
    """KL of the shares of classes, in nats; None without a classifier."""
    memorisation: Memorisation | None = None
    """Share of images nearer to training images than to held-out ones; None if not measured."""
    hit_rate: float | None = None
    """Share of images of the class that was asked for; None if none was, or without classifier."""


def show_figure(value: float) -> str:
    """Return a distance with three significant digits: its size depends on the features."""
    return f"{value:#.3g}".removesuffix(".")


class Judge:
    """Compares sets of images with one reference, whose features and bins are computed once."""

    def __init__(self, sets: ImageSets, embedding: Embedding, seed: int = 0) -> None:
        """Embed the reference.

        Args:
            sets: The reference, and the sets of the memorisation test.
            embedding: Features and classes.
            seed: Seed of the bins and of the subsets of KID.
        """
        self.sets = sets
        self.embedding = embedding
        self.seed = seed
        reference = take_all(sets.reference)
        self.features = embedding.embed(reference)  # (N, F)
        self.classes = embedding.find_classes(reference)  # (N,) or None
        self.bins = Bins.fit(reference, seed)

    def judge(
        self,
        name: str,
        images: Images,
        label: NDArray[np.int64] | None = None,
        memorisation: bool = True,
    ) -> Scores:
        """Measure a set of images.

        Args:
            name: What they are.
            images: Shape (M, *S).
            label: The classes that were asked for, shape (M,); None if none were.
            memorisation: Look for copies of training images, which takes longest.
        """
        features = self.embedding.embed(images)
        classes = self.embedding.find_classes(images)
        divergence = hits = None
        if classes is not None and self.classes is not None:
            divergence = class_divergence(classes, self.classes)
            hits = None if label is None else float((classes == label).mean())
        return Scores(
            name,
            len(images),
            frechet_distance(self.features, features),
            kernel_distance(self.features, features, self.seed),
            compute_prdc(self.features, features),
            self.bins.count_different(images),
            len(self.bins.counts),
            divergence,
            self._find_copies(images) if memorisation else None,
            hits,
        )

    def _find_copies(self, images: Images) -> Memorisation:
        """Compare the distances of images to training images and to held-out ones."""
        return measure_memorisation(images, self.sets.training, self.sets.held_out)


def take_all(data: Dataset) -> Images:
    """Return all images of a data set, shape (N, *S)."""
    return data.take(np.arange(len(data)))
