"""Likelihoods p(g | x) of a goal image g given a canvas x, and the potentials made of them.

Proposals are added to the canvas: logits for `Bernoulli`, pixels for `Gaussian`. The mean is
clipped alike in all methods, for agents (torch, canvas) and environments (NumPy, images) to agree.
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

from gcgen_env.model.sums import dot, sum_log

Images = NDArray[Any]
Floats = NDArray[np.float64]

FACTORS_FLOAT64 = 16  # clipped means in one product: at least 1e-80, full precision in float64
MEAN_CLIP = 1e-5  # Bernoulli means stay within [MEAN_CLIP, 1 - MEAN_CLIP]
LOGIT_CLIP = math.log((1 - MEAN_CLIP) / MEAN_CLIP)
LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)  # log sqrt(2 pi)
SMALLEST_SIGMA, LARGEST_SIGMA = 1e-12, 1e6
"""Bounds of sigma in units of the range of images: float32 cannot hold potentials beyond them."""


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
    precision: ClassVar[Tensor | None] = None
    """1 / sigma^2 of each value if log p(g | x) is quadratic in x, else None."""

    @abstractmethod
    def mean(self, canvas: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the image of a canvas, same shape, in [low, high]; `out` only without gradient."""

    @abstractmethod
    def to_canvas(self, image: Tensor) -> Tensor:
        """Return the canvas whose mean is `image`, same shape, float32."""

    def exact_canvas(self, image: Tensor) -> Tensor:
        """Return the canvas whose mean is `image`, same shape, both float64."""
        return image  # canvases of pixels

    @abstractmethod
    def log_prob_terms(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Return log p(g | x) of every value, broadcast over the leading axes, in nats."""

    @abstractmethod
    def potential(self, image: Images, goal: Images, difference: Floats | None = None) -> Floats:
        """Compute Phi = log p(g | x) from images, in float64.

        Args:
            image: The means m(x), shape (B, *S).
            goal: Goal images, shape (B, *S).
            difference: `compute_difference` of the two, shape (B, D), if already computed.

        Returns:
            Potentials, shape (B,), in nats.
        """

    @abstractmethod
    def sample(self, mean: Images, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw images from means, same shape."""

    def log_prob(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Compute log p(g | x) of images (..., *S), shape (...), in nats."""
        return self.log_prob_terms(canvas, goal).flatten(-self.event_ndim).sum(-1)

    @abstractmethod
    def measure_(self, canvas: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Turn canvases (B, A, P) into images, in place, and compute log p(g | x).

        Args:
            canvas: Flat canvases, overwritten by the images.
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

    def __post_init__(self) -> None:
        """Check the bounds."""
        if (self.low, self.high) != (0.0, 1.0):
            raise ValueError(
                f"a Bernoulli likelihood needs images in [0, 1], got [{self.low}, {self.high}]; "
                "use likelihood='gaussian'"
            )

    def mean(self, canvas: Tensor, out: Tensor | None = None) -> Tensor:
        """Return sigmoid(canvas), clipped to [1e-5, 1 - 1e-5]."""
        image = torch.sigmoid(canvas, out=out)  # a new tensor if out is None
        if out is None and not image.requires_grad:
            out = image  # clamped in place, without another allocation
        return torch.clamp(image, MEAN_CLIP, 1 - MEAN_CLIP, out=out)

    def to_canvas(self, image: Tensor) -> Tensor:
        """Return the clipped logit of `image`."""
        return self.exact_canvas(image.double()).float()  # 1 - m loses digits in float32

    def exact_canvas(self, image: Tensor) -> Tensor:
        """Return the clipped logit of `image`."""
        return torch.logit(image, MEAN_CLIP)

    def log_prob_terms(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Return g x - log(1 + e^x) of the clipped logits."""
        x = canvas.clamp(-LOGIT_CLIP, LOGIT_CLIP)  # the same clip as in `mean`
        return goal * x - F.softplus(x)

    def measure_(self, canvas: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Return m = sigmoid(x) and <g - 1, x> + sum log m.

        This equals <g, x> - sum log(1 + e^x), because log(1 + e^x) = x - log m, and needs one
        exponential per value for both results.
        """
        x = canvas.clamp_(-LOGIT_CLIP, LOGIT_CLIP)  # (B, A, P)
        linear = dot(goal - 1, x)  # (B, A)
        mean = x.sigmoid_()  # overwrites x, so after the product
        return mean, linear + sum_log(mean)

    def potential(self, image: Images, goal: Images, difference: Floats | None = None) -> Floats:
        """Return sum g log m + (1 - g) log(1 - m), shape (B,), in nats."""
        if (goal * goal == goal).all():  # all 0 or 1, then a value has probability 1 - |g - m|
            p = np.abs(compute_difference(image, goal) if difference is None else difference)
            return sum_log_rows(_clip_(np.subtract(1, p, out=p)))  # abs() made p a new array
        g, m = np.asarray(goal, np.float64), np.array(image, np.float64)  # m: a copy, clipped below
        return sum_rows((1 - g) * np.log(_clip_(1 - m)) + g * np.log(_clip_(m)))

    def sample(self, mean: Images, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw binary images, float32 0 or 1; see `binarize`."""
        return binarize(mean, rng)


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
        least, most = (bound * (self.high - self.low) for bound in (SMALLEST_SIGMA, LARGEST_SIGMA))
        if not least <= self.sigma <= most:
            raise ValueError(
                f"sigma must lie between {least:g} and {most:g} for images in [{self.low:g}, "
                f"{self.high:g}], or float32 cannot hold the potentials, got {self.sigma}"
            )

    def mean(self, canvas: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the canvas clamped to [low, high]."""
        return torch.clamp(canvas, self.low, self.high, out=out)

    def to_canvas(self, image: Tensor) -> Tensor:
        """Return `image` itself, as float32."""
        return image.float()

    def log_prob_terms(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Return the log-density of N(g; clamp(x), sigma^2)."""
        z = (goal - self.mean(canvas)) / self.sigma  # in standard deviations
        return -0.5 * z * z - math.log(self.sigma) - LOG_ROOT_2_PI

    def measure_(self, canvas: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clamped canvases, and the log-densities of the goals around them."""
        mean = canvas.clamp_(self.low, self.high)  # (B, A, P)
        z = torch.linalg.vector_norm(mean - goal.unsqueeze(1), dim=-1) / self.sigma  # (B, A)
        return mean, -0.5 * z * z - mean.shape[-1] * (math.log(self.sigma) + LOG_ROOT_2_PI)

    def potential(self, image: Images, goal: Images, difference: Floats | None = None) -> Floats:
        """Return -|g - m|^2 / (2 sigma^2) - D log(sigma sqrt(2 pi)), shape (B,), in nats."""
        z = (goal - np.asarray(image, np.float64).clip(self.low, self.high)) / self.sigma
        num = math.prod(z.shape[1:])  # D
        return -0.5 * sum_rows(z * z) - num * (math.log(self.sigma) + LOG_ROOT_2_PI)

    def sample(self, mean: Images, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw images around their means; values may leave [low, high]."""
        noise = rng.standard_normal(mean.shape, dtype=np.float32)
        return (mean + np.float32(self.sigma) * noise).astype(np.float32)


def binarize(mean: Images, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw binary images from means in [0, 1], same shape, float32 0 or 1."""
    return (rng.random(mean.shape, dtype=np.float32) < mean).astype(np.float32)


def make_likelihood(
    name: str, event_ndim: int, low: float = 0.0, high: float = 1.0, sigma: float = 0.1
) -> Likelihood:
    """Make a likelihood by name, "bernoulli" or "gaussian", from its fields."""
    if name == Bernoulli.name:
        return Bernoulli(event_ndim, low, high)
    if name == Gaussian.name:
        return Gaussian(event_ndim, low, high, sigma)
    raise ValueError(f"likelihood must be 'bernoulli' or 'gaussian', got {name!r}")


def _clip_(p: Floats) -> Floats:
    """Clip probabilities to [1e-5, 1 - 1e-5] in place."""
    return p.clip(MEAN_CLIP, 1 - MEAN_CLIP, out=p)


def compute_difference(image: NDArray[Any], goal: NDArray[Any]) -> NDArray[np.float64]:
    """Return g - m as rows (B, D) of float64, which holds it exactly for Bernoulli means."""
    return _flatten_rows(np.subtract(goal, image, dtype=np.float64))  # callers overwrite it


def _flatten_rows(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (B, *S) as contiguous (B, D), so that sums are equal for any batch size, 0 too."""
    return np.ascontiguousarray(images).reshape(len(images), math.prod(images.shape[1:]))


def sum_rows(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum (B, *S) over S."""
    return np.asarray(_flatten_rows(terms).sum(axis=1))


def sum_log_rows(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum log p over D of clipped probabilities (B, D), one logarithm for several values."""
    n, length = FACTORS_FLOAT64, p.shape[1] // FACTORS_FLOAT64  # length: number of products
    whole, rest = p[:, : n * length], p[:, n * length :]
    products = np.multiply.reduce(whole.reshape(len(p), n, length), axis=1)  # (B, length)
    total = np.log(products).sum(axis=1)
    return np.asarray(total + np.log(rest).sum(axis=1) if rest.size else total)
