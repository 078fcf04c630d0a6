"""What images are compared by: features of a shipped classifier, of a random network, or values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.guidance.classifier import ClassifierConfig, ConvNet, load_shipped

Images = NDArray[np.float32]
FEATURES = 64
"""Number of features of a network."""
SEED = 0
"""Seed of the random network's weights."""
LEAST = np.float32(0.1)
"""Smallest divisor of a random feature, relative to the largest one."""
_BATCH = 1000
_MNIST = ("mnist", (1, 28, 28))


@dataclass(frozen=True, eq=False)
class Embedding:
    """Maps images to features, in which distances mean something."""

    name: str
    """What the features are, in words; it stands beside every figure."""
    size: int
    """Number of features F."""
    compute: Callable[[Images], NDArray[Any]]
    """Maps images (B, *S) to features (B, F)."""
    classify: Callable[[Images], NDArray[np.int64]] | None = None
    """Maps images (B, *S) to classes (B,); None without a classifier."""

    def embed(self, images: Images) -> NDArray[np.float64]:
        """Return the features of images (N, *S), shape (N, F), in bounded memory."""
        parts = [self.compute(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
        return np.concatenate(parts).astype(np.float64)

    def find_classes(self, images: Images) -> NDArray[np.int64] | None:
        """Return the classes of images (N, *S), shape (N,), in bounded memory; None without any."""
        if self.classify is None:
            return None
        parts = [self.classify(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
        return np.concatenate(parts)


def find_embedding(dataset: str, reference: Images) -> Embedding:
    """Return the features for a data set.

    MNIST has a shipped classifier. Other images have a random convolutional network, whose
    figures can be compared with each other, but not with those of a trained one. Points are
    their own features.

    Args:
        dataset: Name of the data set.
        reference: Images (N, *S), by which features of a random network are scaled.
    """
    shape = reference.shape[1:]
    if (dataset, shape) == _MNIST:
        return _make_trained()
    if len(shape) == 1:
        return Embedding("the values themselves", math.prod(shape), lambda images: images)
    return _make_random(reference)


def _make_trained() -> Embedding:
    """Return the features of one classifier of MNIST, and the classes of another."""
    features, judge = load_shipped("mnist_features"), load_shipped("mnist_judge")
    return Embedding(
        f"{features.config.features} features of a classifier of MNIST, "
        f"sha256 {features.digest[:12]}; classes by another, sha256 {judge.digest[:12]}",
        features.config.features,
        features.embed,
        lambda images: judge.log_prob(images).argmax(1),
    )


def _make_random(reference: Images) -> Embedding:
    """Return the features of a random network, divided by their standard deviations."""
    config = ClassifierConfig(reference.shape[1:], channels=(16, 32, 48), features=FEATURES)
    with torch.random.fork_rng([]):
        torch.manual_seed(SEED)
        net = ConvNet(config).requires_grad_(False).eval()

    def compute(images: Images) -> NDArray[np.float32]:
        return net.embed(torch.from_numpy(images)).numpy()

    plain = Embedding("", FEATURES, compute)
    spread = plain.embed(reference).std(0).astype(np.float32)  # (F,), 0 where it is always 0
    scale = np.maximum(spread, LEAST * spread.max())  # one that hardly varies must not count most
    name = f"{FEATURES} features of a random network (seed {SEED}), not of a trained one"
    return Embedding(name, FEATURES, lambda images: np.divide(compute(images), scale))
