"""Classes: how sure a classifier is that images belong to a class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.guidance.classifier import Classifier, load_shipped

CLASS_WEIGHT = 2.0
"""How much to count it: a classifier is unsure of unfinished images; see docs/guidance.md."""


class ClassScore:
    """log p(class | x) of a classifier, in nats."""

    def __init__(self, label: int, classifier: Classifier | None = None) -> None:
        """Choose a class.

        Args:
            label: The class.
            classifier: Any classifier; by default the shipped one of MNIST's digits.

        Raises:
            ValueError: If the classifier knows no such class, or it is no integer.
        """
        self.classifier = load_shipped("mnist_guide") if classifier is None else classifier
        num = self.classifier.config.num_classes
        is_integer = isinstance(label, int | np.integer) and not isinstance(label, bool)
        if not is_integer or not 0 <= label < num:
            raise ValueError(f"the class must be an integer of 0 to {num - 1}, got {label!r:.99}")
        self.label = label

    def __repr__(self) -> str:
        """Show the class, and the hash of the classifier."""
        return f"ClassScore({self.label}, {self.classifier!r})"

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score images (B, *S), shape (B,)."""
        return self.classifier.log_prob(images)[:, self.label]
