"""Guided drawing in the studio: a class, hidden pixels, and how much they count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.guidance.black_box import Guidance
from agents.guidance.classifier import load_shipped
from agents.guidance.guided_sample import GuidedSample
from agents.guidance.sampling import sample_guided
from agents.guidance.scorers import ClassScore, VisiblePixels, WeightedSum
from agents.guidance.scorers.class_score import CLASS_WEIGHT
from agents.guidance.scorers.own_class import OwnClass
from agents.studio.shared_model import Image, SharedModel

NUM, PARTICLES = 6, 4
"""Numbers of answers, and of trajectories that are compared for each."""
LARGEST_SCALE = 4.0


class Wishes(NamedTuple):
    """What the pictures shall be."""

    label: int | None = None
    """A class."""
    image: Image | None = None
    """An image whose visible pixels are kept, shape (*S)."""
    hidden: NDArray[np.bool_] | None = None
    """True where a pixel is to be filled in, shape (height, width)."""
    scale: float = 1.0
    """How much they count, in [0, LARGEST_SCALE]."""


def list_classes(model: SharedModel) -> list[int]:
    """Return the classes of a conditional model, or those that the shipped classifier knows."""
    if model.chain.num_classes:  # it draws them by itself
        return list(range(model.chain.num_classes))
    if model.shape != (1, 28, 28):  # before the classifier is read
        return []
    config = load_shipped("mnist_guide").config
    return list(range(config.num_classes)) if model.shape == config.shape else []


def draw_guided(model: SharedModel, wishes: Wishes, seed: int) -> GuidedSample:
    """Draw pictures that fit the wishes.

    Raises:
        ValueError: If nothing is wished for, or the wishes do not fit the model.
    """
    if not 0 <= wishes.scale <= LARGEST_SCALE:
        raise ValueError(f"the scale must lie in [0, {LARGEST_SCALE:g}], got {wishes.scale:g}")
    terms: list[tuple[float, Guidance]] = []
    if wishes.label is not None:
        if wishes.label not in list_classes(model):
            raise ValueError("this model has no such class: choose another one")
        own = model.chain.num_classes > 0
        terms.append(
            (1.0, OwnClass(wishes.label)) if own else (CLASS_WEIGHT, ClassScore(wishes.label))
        )
    if wishes.image is not None and wishes.hidden is not None and wishes.hidden.any():
        visible = VisiblePixels(wishes.image, wishes.hidden, model.likelihood)
        terms.append((1.0, visible))
    if not terms:
        raise ValueError("nothing is wished for: choose a class, or hide pixels of an image")
    chain = model.chain.given(wishes.label) if model.chain.num_classes else model.chain
    return sample_guided(chain, NUM, WeightedSum(terms), wishes.scale, PARTICLES, seed)
