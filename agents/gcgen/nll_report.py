"""The bound on the negative log-likelihood of images, as a report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.viewer.card import draw_card


class ImageBounds(NamedTuple):
    """The bound of each image and its parts, in nats."""

    nll: Tensor
    """IW-M, shape (B,)."""
    reconstruction: Tensor
    """-log p(g | x_H), mean over the paths, shape (B,)."""
    divergence: Tensor
    """log q - log p_S of each choice, mean over the paths, shape (B, H)."""
    code_length: Tensor
    """IW-M of the probability of the stored image, shape (B,); NaN if it has none."""


@dataclass(frozen=True)
class NLLReport:
    """Bound on -log p_S over a set of images, in nats.

    With one path it is -ELBO; with M paths IW-M, mean of -log(1/M sum_m p(tau_m, g) / q(tau_m|g)).

    Attributes:
        nll: The bound, mean over images.
        standard_error: Standard error of `nll` over images.
        negative_elbo: One-path bound, mean over images and paths: reconstruction + divergence.
        reconstruction: -log p(g | x_H), mean over images and paths.
        divergence: log q - log p_S at each of the H steps, mean over images and paths.
        num_paths: M, the number of paths for each image.
        num_images: Number of images.
        bits_per_dim: The bound on the code length of an image, mean over images, in bits for each
            of its D values; None for images that are neither binary nor bytes.
        per_image: The bound of each image, shape (num_images,), for paired comparisons.
        given_class: Whether it bounds -log p_S(g | class) instead of -log p_S(g).
    """

    nll: float
    standard_error: float
    negative_elbo: float
    reconstruction: float
    divergence: tuple[float, ...]
    num_paths: int
    num_images: int
    bits_per_dim: float | None
    per_image: NDArray[np.float64] = field(repr=False)
    given_class: bool = False

    @property
    def name(self) -> str:
        """Name of the bound: "-ELBO" or "IW-M", and whether the class is given."""
        bound = "-ELBO" if self.num_paths == 1 else f"IW-{self.num_paths}"
        return f"{bound} | class" if self.given_class else bound

    @classmethod
    def of(cls, bounds: ImageBounds, num_paths: int, num_values: int) -> NLLReport:
        """Average the bounds of images of D values from M paths each."""
        nll, reconstruction, divergence, length = (part.cpu().numpy() for part in bounds)  # N, ...
        per_step, num = divergence.mean(axis=0), len(nll)  # (H,), N
        bits = float(length.mean()) / (num_values * math.log(2))
        return cls(
            nll=float(nll.mean()),
            standard_error=float(nll.std(ddof=1) / math.sqrt(num)) if num > 1 else math.nan,
            negative_elbo=float(reconstruction.mean() + per_step.sum()),
            reconstruction=float(reconstruction.mean()),
            divergence=tuple(per_step.tolist()),
            num_paths=num_paths,
            num_images=num,
            bits_per_dim=bits if math.isfinite(bits) else None,
            per_image=nll,
        )

    @property
    def bound(self) -> str:
        """The bound with its standard error, which a single image does not have."""
        error = "" if self.num_images == 1 else f" ± {self.standard_error:.2f}"
        return f"{self.nll:.2f}{error}"

    def _repr_html_(self) -> str:
        """Return the parts of the bound as a table, for notebooks."""
        # Values that are neither bits nor bytes have a density, and no code length.
        bits = "not defined" if self.bits_per_dim is None else f"{self.bits_per_dim:.3f}"
        facts = {
            f"{self.name}, nats": self.bound,
            "reconstruction, nats": f"{self.reconstruction:.2f}",
            "divergence, nats": f"{sum(self.divergence):.2f}",
            "of each step": ", ".join(f"{step:.2f}" for step in self.divergence),
            "bits per dimension": bits,
            "images": f"{self.num_images:,}, {self.num_paths} paths each",
        }
        return draw_card("Bound on -log p", facts)

    def __str__(self) -> str:
        """Return the report as one sentence."""
        bits = "" if self.bits_per_dim is None else f", {self.bits_per_dim:.3f} bits per dimension"
        noun = "image" if self.num_images == 1 else "images"
        return (
            f"{self.name} {self.bound} nats "
            f"(reconstruction {self.reconstruction:.2f}, "
            f"divergence {sum(self.divergence):.2f}){bits} on {self.num_images} {noun}"
        )
