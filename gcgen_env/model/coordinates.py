"""Roll-outs in the coordinates of a basis, where a step costs P numbers instead of D."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.model.basis import Basis
from gcgen_env.model.basis_proposer import BasisProposer
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.likelihoods import Likelihood

INSIDE = 0.01
"""Largest distance of x_0 from the span, in standard deviations."""


@dataclass(frozen=True, eq=False)
class CoordinateGaussian(Likelihood):
    """A Gaussian likelihood of images, as a function of coordinates; images are not clipped.

    A canvas of P + 1 coordinates, or its first P, is its own mean.
    """

    name: ClassVar[str] = "gaussian"
    deviation: Tensor = field(kw_only=True)
    """sigma / s of each coordinate, shape (P + 1,)."""
    constant: float = field(kw_only=True)
    """D log(sigma sqrt(2 pi)), in nats."""

    @property
    def precision(self) -> Tensor:  # type: ignore[override]
        """1 / deviation^2, shape (P + 1,)."""
        return self.deviation**-2

    def mean(self, canvas: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the canvas."""
        return canvas if out is None else out.copy_(canvas)

    def to_canvas(self, image: Tensor) -> Tensor:
        """Return the coordinates themselves."""
        return image

    def log_prob_terms(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Return -1/2 of each squared number of standard deviations, without the constant."""
        z = (goal - canvas) / self.deviation[: canvas.shape[-1]]
        return -0.5 * z * z

    def log_prob(self, canvas: Tensor, goal: Tensor) -> Tensor:
        """Compute log p(g | x) of coordinates (..., P + 1), shape (...), in nats."""
        return self.log_prob_terms(canvas, goal).sum(-1) - self.constant

    def measure_(self, canvas: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Return the canvases (B, A, P), and log p(g | x), shape (B, A), up to the constant."""
        z = (canvas - goal.unsqueeze(1)) / self.deviation[: canvas.shape[-1]]  # (B, A, P)
        return canvas, z.square_().sum(-1).mul_(-0.5)

    def potential(
        self, image: NDArray[Any], goal: NDArray[Any], difference: NDArray[Any] | None = None
    ) -> NDArray[np.float64]:
        """Compute log p(g | x) of coordinates (B, P + 1), shape (B,), in nats."""
        result = self.log_prob(torch.as_tensor(image), torch.as_tensor(goal))
        return result.double().numpy()

    def sample(self, mean: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw coordinates around their means."""
        noise = rng.standard_normal(mean.shape, dtype=np.float32)
        return np.asarray(mean + self.deviation.cpu().numpy() * noise, np.float32)


@dataclass(frozen=True, eq=False)
class RolloutSpace:
    """Where the trajectories of a chain are computed: on its canvases, or in coordinates."""

    outer: Chain
    """The chain of canvases."""
    chain: Chain
    """The chain of the roll-outs, which may be the same."""
    basis: Basis | None = None
    """The basis of the coordinates, if there are any."""

    @classmethod
    def of(cls, chain: Chain) -> RolloutSpace:
        """Return the coordinates of a chain whose proposer has a basis, else the chain itself.

        If x_0 is not the basis's own, and not in the span around it, coordinates cannot tell the
        distance to a goal: then it is the chain itself, too.
        """
        proposer, likelihood = chain.proposer, chain.likelihood
        if not isinstance(proposer, BasisProposer):
            return cls(chain, chain)
        basis, sigma = proposer.basis, likelihood.sigma  # type: ignore[attr-defined]
        start = basis.project(chain.dynamics.initial)  # (P + 1,)
        if start[-1] > INSIDE * sigma:
            return cls(chain, chain)
        scale = torch.cat([basis.scale, basis.scale.new_ones(1)])  # (P + 1,)
        inner = CoordinateGaussian(
            1, -math.inf, math.inf, deviation=sigma / scale,
            constant=math.prod(basis.shape) * math.log(sigma * math.sqrt(2 * math.pi)),
        )  # fmt: skip
        dynamics = Dynamics(start, chain.dynamics.rate)
        own = replace(chain, proposer=proposer.network, dynamics=dynamics, likelihood=inner)
        return cls(chain, own, basis)

    def enter(self, goal: Tensor) -> Tensor:
        """Return goals (B, *S) as the roll-outs see them."""
        return goal if self.basis is None else self.basis.project(goal)

    def embed(self, canvas: Tensor) -> Tensor:
        """Return canvases of the roll-outs as those of images, (B, *S)."""
        return canvas if self.basis is None else self.basis.embed(canvas)
