"""Likelihoods p(g | x) of a goal image g given a canvas x, and the potentials made of them.

The canvas is the picture being built, in the space where proposals are added: logits for
`Bernoulli`, pixels for `Gaussian`. Both clip the mean in the same way here and in
`potential`, so that agents (torch, canvas) and environments (NumPy float64, images) agree.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

MEAN_CLIP = 1e-5
"""Bernoulli means stay within [MEAN_CLIP, 1 - MEAN_CLIP]."""
LOGIT_CLIP = math.log((1 - MEAN_CLIP) / MEAN_CLIP)


@dataclass(frozen=True)
class Likelihood(ABC):
    """Distribution of a goal image given the canvas; images have `event_ndim` axes."""

    event_ndim: int
    """Number of axes of one image: 3 for (C, height, width), 1 for a point."""
    low: float = 0.0
    """Smallest value an image can take."""
    high: float = 1.0
    """Largest value an image can take."""
    name: ClassVar[str]

    @abstractmethod
    def mean(self, canvas: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the image a canvas stands for, same shape, within [low, high].

        Args:
            canvas: Canvases, any shape.
            out: Where to write the images; without gradient only.
        """

    @abstractmethod
    def to_canvas(self, image: Tensor) -> Tensor:
        """Return the canvas whose mean is `image`, same shape."""

    @abstractmethod
    def log_prob_terms(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Return log p(g | x) of every value, broadcast over the leading axes, in nats."""

    @abstractmethod
    def potential(
        self,
        image: NDArray[Any],
        goal: NDArray[Any],
        difference: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Compute Phi = log p(g | x) from images, in float64.

        Args:
            image: The means m(x), shape (B, *S).
            goal: Goal images, shape (B, *S).
            difference: `compute_difference` of the two, shape (B, D), if it is at hand.

        Returns:
            Potentials, shape (B,), in nats.
        """

    @abstractmethod
    def sample(self, mean: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw images from means, same shape."""

    def log_prob(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Compute log p(g | x), summed over one image.

        Args:
            canvas: Canvases, shape (..., *S), any float dtype.
            goal: Goal images, broadcastable to `canvas`.

        Returns:
            Log-likelihoods, shape (...), in nats.
        """
        return self.log_prob_terms(canvas, goal).flatten(-self.event_ndim).sum(-1)

    @abstractmethod
    def measure_(self, canvas: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Turn A canvases for each goal into images, and compute log p(g | x) on the way.

        Args:
            canvas: Canvases, shape (B, A, P), flat values; overwritten by the images.
            goal: Goals, shape (B, P).

        Returns:
            The images m(x), shape (B, A, P), and log p(g | x), shape (B, A), in nats.
        """


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """Independent Bernoulli values; the canvas holds logits.

    Grey goals give the expected log-likelihood of their binarisation.
    """

    name: ClassVar[str] = "bernoulli"

    def mean(self, canvas: Tensor, out: Tensor | None = None) -> Tensor:
        """Return sigmoid(canvas), clipped to [1e-5, 1 - 1e-5]."""
        image = torch.sigmoid(canvas, out=out)
        if out is None and not image.requires_grad:
            out = image
        return torch.clamp(image, MEAN_CLIP, 1 - MEAN_CLIP, out=out)

    def to_canvas(self, image: Tensor) -> Tensor:
        """Return the clipped logit of `image`."""
        return torch.logit(image.double(), MEAN_CLIP).float()

    def log_prob_terms(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Return g x - log(1 + e^x) of the clipped logits."""
        x = canvas.clamp(-LOGIT_CLIP, LOGIT_CLIP)
        return goal * x - F.softplus(x)

    def measure_(self, canvas: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Return m = sigmoid(x) and <g - 1, x> + sum log m.

        That is <g, x> - sum log(1 + e^x), because log(1 + e^x) = x - log m: the one exponential
        of a value serves the image and the likelihood.
        """
        x = canvas.clamp_(-LOGIT_CLIP, LOGIT_CLIP)
        linear = _dot(goal - 1, x)
        mean = x.sigmoid_()
        return mean, linear + _sum_log(mean)

    def potential(
        self,
        image: NDArray[Any],
        goal: NDArray[Any],
        difference: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Return sum g log m + (1 - g) log(1 - m), shape (B,), in nats."""
        if (goal * goal == goal).all():  # all 0 or 1, then a value has probability 1 - |g - m|
            p = np.abs(compute_difference(image, goal) if difference is None else difference)
            return _sum_log_rows(_clip_(np.subtract(1, p, out=p)))
        g, m = np.asarray(goal, np.float64), np.array(image, np.float64)
        return _sum_rows((1 - g) * np.log(_clip_(1 - m)) + g * np.log(_clip_(m)))

    def sample(self, mean: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw binary images, float32 0 or 1."""
        return (rng.random(mean.shape, dtype=np.float32) < mean).astype(np.float32)


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """Independent normal values of one fixed standard deviation; the canvas holds pixels."""

    sigma: float = 0.1
    """Standard deviation, in units of the image values."""
    name: ClassVar[str] = "gaussian"

    def __post_init__(self) -> None:
        """Check the standard deviation."""
        if not 0 < self.sigma < math.inf:
            raise ValueError(f"sigma must be positive and finite, got {self.sigma}")

    def mean(self, canvas: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the canvas clamped to [low, high]."""
        return torch.clamp(canvas, self.low, self.high, out=out)

    def to_canvas(self, image: Tensor) -> Tensor:
        """Return `image` itself, as float32."""
        return image.float()

    def log_prob_terms(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Return the log-density of N(g; clamp(x), sigma^2)."""
        z = (goal - self.mean(canvas)) / self.sigma
        return -0.5 * z * z - math.log(self.sigma) - 0.5 * math.log(2 * math.pi)

    def measure_(self, canvas: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clamped canvases, and the log-densities of the goals around them."""
        mean = canvas.clamp_(self.low, self.high)
        return mean, self.log_prob_terms(mean, goal.unsqueeze(1)).sum(-1)

    def potential(
        self,
        image: NDArray[Any],
        goal: NDArray[Any],
        difference: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Return -|g - m|^2 / (2 sigma^2) - D log(sigma sqrt(2 pi)), shape (B,), in nats."""
        m = np.asarray(image, np.float64).clip(self.low, self.high)
        z = (goal - m) / self.sigma
        constant = math.prod(m.shape[1:]) * (math.log(self.sigma) + 0.5 * math.log(2 * math.pi))
        return -0.5 * _sum_rows(z * z) - constant

    def sample(self, mean: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw images around their means; values may leave [low, high]."""
        noise = rng.standard_normal(mean.shape, dtype=np.float32)
        return (mean + np.float32(self.sigma) * noise).astype(np.float32)


def make_likelihood(
    name: str, event_ndim: int, low: float = 0.0, high: float = 1.0, sigma: float = 0.1
) -> Likelihood:
    """Make a likelihood by name.

    Args:
        name: "bernoulli" or "gaussian".
        event_ndim: Number of axes of one image.
        low: Smallest image value.
        high: Largest image value.
        sigma: Standard deviation of the Gaussian; the Bernoulli has none.

    Raises:
        ValueError: If the name is unknown, or Bernoulli images do not lie in [0, 1].
    """
    if name == Bernoulli.name:
        if (low, high) != (0.0, 1.0):
            raise ValueError(
                f"a Bernoulli likelihood needs images in [0, 1], got [{low}, {high}]; "
                "use likelihood='gaussian'"
            )
        return Bernoulli(event_ndim)
    if name == Gaussian.name:
        return Gaussian(event_ndim, low, high, sigma)
    raise ValueError(f"likelihood must be 'bernoulli' or 'gaussian', got {name!r}")


def compute_difference(image: NDArray[Any], goal: NDArray[Any]) -> NDArray[np.float64]:
    """Return g - m as rows (B, D) of float64, which holds it exactly for Bernoulli means."""
    return _flatten_rows(np.subtract(goal, image, dtype=np.float64))


def _flatten_rows(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (B, *S) as contiguous rows (B, D): one memory layout, hence one sum in any batch."""
    size = math.prod(images.shape[1:])  # not -1: the batch may be empty
    return np.ascontiguousarray(images).reshape(len(images), size)


def _sum_rows(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum each of (B, *S)."""
    return np.asarray(_flatten_rows(terms).sum(axis=1))


def _clip_(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Clip probabilities to [1e-5, 1 - 1e-5] in place."""
    return p.clip(MEAN_CLIP, 1 - MEAN_CLIP, out=p)


def _sum_log_rows(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the logarithms of rows (B, D), sixteen values of at least 1e-5 to a logarithm."""
    length = p.shape[1] // 16
    whole, rest = p[:, : 16 * length], p[:, 16 * length :]
    products = np.multiply.reduce(whole.reshape(len(p), 16, length), axis=1)
    total = np.log(products).sum(axis=1)
    return np.asarray(total + np.log(rest).sum(axis=1) if rest.size else total)


def _dot(vector: Tensor, rows: Tensor) -> Tensor:
    """Return the inner products of (B, P) with the A rows of (B, A, P), shape (B, A)."""
    return torch.bmm(vector.unsqueeze(1), rows.transpose(1, 2)).squeeze(1)


def _sum_log(mean: Tensor) -> Tensor:
    """Return the sum of logarithms over the last axis, six values to a logarithm.

    Clipped means are at least 1e-5, so that products of six stay above 1e-30, which float32
    holds at full precision; products cost a tenth of logarithms.
    """
    length = mean.shape[-1] // 6
    whole, rest = mean[..., : 6 * length], mean[..., 6 * length :]
    products = whole.unflatten(-1, (6, length)).prod(-2)
    return products.log().sum(-1) + rest.prod(-1).log()
