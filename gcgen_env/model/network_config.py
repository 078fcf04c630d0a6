"""The sizes of the S-agent's network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gcgen_env.config import LIKELIHOODS, check_count

Group = tuple[int, int]
"""The first value that a step moves, and how many values it moves."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a `ProposalNetwork`.

    Attributes:
        shape: Shape S of one image.
        num_proposals: A.
        horizon: H.
        likelihood: "bernoulli" if the canvas holds logits, "gaussian" if it holds pixels.
        width: Hidden units.
        depth: Number of residual blocks.
        features: K, what proposals are made of; None: all hidden units.
        uniform_prior: Fix p_S(a) = 1/A, as Discrete Distribution Networks do.
        body: "mlp"; or "conv", which only S-agents of earlier versions have: convolutions with
            width / 8 channels.
        num_classes: Classes that a conditional network is given; 0 for an unconditional one.
        groups: For each step, the values that it moves, by a fixed codeword; None: every step
            moves all values, by the same linear maps of features.

    Raises:
        TypeError: If the shape is not a sequence.
        ValueError: If a field has another type or an impossible value.
    """

    shape: tuple[int, ...]
    num_proposals: int
    horizon: int
    likelihood: str
    width: int = 128
    depth: int = 2
    features: int | None = 64
    uniform_prior: bool = False
    body: str = "mlp"
    num_classes: int = 0
    groups: tuple[Group, ...] | None = None

    def __post_init__(self) -> None:
        """Normalise the shape, which JSON gives as a list, and check the fields."""
        object.__setattr__(self, "shape", tuple(self.shape))  # the class is frozen
        for length in self.shape:
            check_count("each length of shape", length, 1, "an image has at least one pixel")
        for name in ("num_proposals", "horizon", "width"):
            check_count(name, getattr(self, name), 1, "a network has at least one")
        check_count("depth", self.depth, 0, "it is a number of blocks")
        check_count("num_classes", self.num_classes, 0, "0 makes the network unconditional")
        if self.features is not None:
            check_count("features", self.features, 1, "a proposal needs one")
        self._check_kinds()
        if self.groups is not None:
            self._check_groups()

    def _check_kinds(self) -> None:
        """Check the fields that are not sizes."""
        if self.likelihood not in LIKELIHOODS:
            raise ValueError(f"likelihood must be in {LIKELIHOODS}, got {self.likelihood!r}")
        if not isinstance(self.uniform_prior, bool):
            raise ValueError(f"uniform_prior must be True or False, got {self.uniform_prior!r}")
        if self.body not in ("mlp", "conv"):
            raise ValueError(f"body must be 'mlp' or 'conv', got {self.body!r}")
        if self.body == "conv" and len(self.shape) != 3:
            raise ValueError(f"a convolutional body needs images (C, h, w), got {self.shape}")

    def _check_groups(self) -> None:
        """Normalise the groups, which JSON gives as lists, and check them."""
        groups = tuple(tuple(group) for group in self.groups or ())
        object.__setattr__(self, "groups", groups)
        if self.body != "mlp" or self.features is not None:
            raise ValueError("codebooks need body='mlp' and features=None")
        if self.uniform_prior:
            raise ValueError("codebooks learn only p_S: omit uniform_prior, or choose features=4")
        if len(groups) != self.horizon:
            raise ValueError(f"groups must be {self.horizon}, one for each step, got {len(groups)}")
        for group in groups:
            if len(group) != 2 or not all(type(number) is int for number in group):
                raise ValueError(f"a group must be a pair of integers, got {group!r:.99}")
            first, size = group
            if first < 0 or size < 1 or first + size > math.prod(self.shape):
                raise ValueError(f"a group of {size} values from {first} is not in the image")
