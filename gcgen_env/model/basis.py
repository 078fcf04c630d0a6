"""A basis of images, in which the proposals of large images are few numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gcgen_env.datasets import Dataset

PASSES = 3
"""Passes over the images; each is one step of power iteration."""
SPARE = 16
"""Directions that are followed beyond those wanted, which makes these exact sooner."""
BATCH = 1024
"""Number of images in memory at once, as float32."""
MOST_IMAGES = 10_000
"""Number of images, evenly spread over the data set, of which components are computed."""
SPREAD = 0.3
"""Standard deviation of coordinates: about that of pixels, which the learning rate suits."""


@dataclass(frozen=True, eq=False)
class Basis:
    """Coordinates of canvases around x_0: x = x_0 + U diag(s) u + what is outside of the span.

    The columns of U are orthonormal, and s is the standard deviation of the data along them, in
    units of `SPREAD`: as with pixels, all coordinates vary equally. The last coordinate is the
    length of what is outside, so that for canvases inside the span

        |g - x|^2 = sum_i s_i^2 (u_i(g) - u_i(x))^2      with s = 1 for the last one.
    """

    centre: Tensor
    """x_0, shape (*S), float32."""
    vectors: Tensor
    """U^T, shape (P, D), float32."""
    scale: Tensor
    """s, shape (P,), float32."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape S of one image."""
        return tuple(self.centre.shape)

    @property
    def size(self) -> int:
        """P, the number of vectors; there is one coordinate more."""
        return len(self.vectors)

    def project(self, canvas: Tensor) -> Tensor:
        """Return the coordinates of canvases: (..., *S) to (..., P + 1)."""
        change = (canvas - self.centre).flatten(-self.centre.ndim)  # (..., D)
        inside = change @ self.vectors.T  # (..., P)
        outside = torch.linalg.vector_norm(change - inside @ self.vectors, dim=-1, keepdim=True)
        return torch.cat([inside / self.scale, outside], dim=-1)

    def expand(self, change: Tensor) -> Tensor:
        """Return changes of P or P + 1 coordinates as changes of the canvas, (..., *S)."""
        inside = change[..., : self.size] * self.scale  # (..., P)
        return (inside @ self.vectors).unflatten(-1, self.shape)

    def embed(self, coordinates: Tensor) -> Tensor:
        """Return the canvases of coordinates, inside the span: (..., P + 1) to (..., *S)."""
        return self.centre + self.expand(coordinates)

    def keep(self, size: int) -> Basis:
        """Return the basis of the first `size` vectors."""
        return Basis(self.centre, self.vectors[:size].clone(), self.scale[:size].clone())

    def to(self, device: torch.device | str) -> Basis:
        """Return the same basis on another device."""
        return Basis(self.centre.to(device), self.vectors.to(device), self.scale.to(device))


def is_same_basis(one: Basis | None, other: Basis | None) -> bool:
    """Return whether two bases give the same coordinates; None is no basis."""
    if one is None or other is None:
        return one is other
    return all(
        torch.equal(value.cpu(), getattr(other, name).cpu()) for name, value in vars(one).items()
    )


@torch.no_grad()
def find_components(data: Dataset, centre: Tensor, most: int) -> Basis:
    """Compute the principal components of images around x_0, those of largest variance first.

    Memory holds a batch of images and the components, however many images there are. The method
    is randomised subspace iteration (Halko et al., 2011); the same images give the same basis.

    Args:
        data: Images, shape (N, *S).
        centre: x_0, shape (*S).
        most: Largest number of components; there are at most N and D, and at least one.
    """
    values = math.prod(data.shape)  # D
    size = min(most, len(data), values)  # P
    width = min(size + SPARE, values)  # L
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(values, width, generator=generator)).Q  # (D, L)
    for _ in range(PASSES):
        product = torch.zeros(values, width)  # second moments times the basis, up to a factor
        for rows in _iterate(data, centre):  # (B, D)
            product.addmm_(rows.T, rows @ basis)
        basis = torch.linalg.qr(product).Q
    moment, count = torch.zeros(width, width), 0  # of the coordinates
    for rows in _iterate(data, centre):
        inside = rows @ basis  # (B, L)
        moment.addmm_(inside.T, inside)
        count += len(rows)
    variance, turn = torch.linalg.eigh(moment / count)  # (L,), (L, L), the smallest first
    deviation = variance.flip(0)[:size].clamp_min(0).sqrt()  # (P,)
    least = 1e-3 * deviation[0].clamp_min(1e-3)  # images that are all equal have no deviation
    vectors = (basis @ turn.flip(1)[:, :size]).T.contiguous()  # (P, D)
    return Basis(centre, vectors, deviation.clamp_min(least) / SPREAD)


def _iterate(data: Dataset, centre: Tensor) -> Iterator[Tensor]:
    """Yield the differences of images from x_0 in batches, shape (B, D)."""
    count = min(len(data), MOST_IMAGES)
    index = np.linspace(0, len(data) - 1, count).astype(np.int64)
    for first in range(0, count, BATCH):
        images = torch.from_numpy(data.take(index[first : first + BATCH]))
        yield (images - centre).flatten(1)
