"""The bound on the negative log-likelihood of given images, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.gcgen.losses import compute_bound
from agents.gcgen.rollout import Selector, rollout
from gcgen_env.model.chain import Chain
from gcgen_env.model.sampling import make_sampler

_BATCH = 256


class ImageBounds(NamedTuple):
    """The bound of each image and its parts, in nats."""

    nll: Tensor
    """IW-M, shape (B,)."""
    reconstruction: Tensor
    """-log p(g | x_H), mean over the paths, shape (B,)."""
    divergence: Tensor
    """log q - log p_S of each choice, mean over the paths, shape (B, H)."""


@dataclass(frozen=True)
class NLLReport:
    """Bound on -log p_S over a set of images, in nats.

    With one path it is -ELBO; with M paths IW-M, mean of -log(1/M sum_m p(tau_m, g) / q(tau_m|g)).
    """

    nll: float
    """The bound: mean over images."""
    standard_error: float
    """Of `nll`, over images."""
    negative_elbo: float
    """One-path bound, mean over images and paths; equals reconstruction + sum of divergence."""
    reconstruction: float
    """-log p(g | x_H), mean over images and paths."""
    divergence: tuple[float, ...]
    """log q - log p_S of each of the H steps, mean over images and paths."""
    num_paths: int
    """M, the number of paths for each image."""
    num_images: int
    """How many images."""
    per_image: NDArray[np.float64] = field(repr=False)
    """The bound of each image, shape (num_images,), for paired comparisons."""

    @property
    def name(self) -> str:
        """What the figure is called: "-ELBO" or "IW-M"."""
        return "-ELBO" if self.num_paths == 1 else f"IW-{self.num_paths}"

    @classmethod
    def of(cls, bounds: ImageBounds, num_paths: int) -> NLLReport:
        """Average the bounds of images from M paths each."""
        nll, reconstruction, divergence = (part.cpu().numpy() for part in bounds)
        per_step = divergence.mean(axis=0)
        return cls(
            nll=float(nll.mean()),
            standard_error=float(nll.std(ddof=1) / math.sqrt(len(nll)))
            if len(nll) > 1
            else math.nan,
            negative_elbo=float(reconstruction.mean() + per_step.sum()),
            reconstruction=float(reconstruction.mean()),
            divergence=tuple(per_step.tolist()),
            num_paths=num_paths,
            num_images=len(nll),
            per_image=nll,
        )

    def __str__(self) -> str:
        """Return the report as one sentence."""
        return (
            f"{self.name} {self.nll:.2f} ± {self.standard_error:.2f} nats "
            f"(reconstruction {self.reconstruction:.2f}, "
            f"divergence {sum(self.divergence):.2f}) on {self.num_images} images"
        )


def evaluate_bound(
    chain: Chain,
    make_selector: Callable[[Tensor], Selector],
    goals: Tensor,
    num_paths: int = 1,
    seed: int | None = 0,
) -> NLLReport:
    """Evaluate the bound by sampling paths from the GC-agent.

    Always a bound, whatever the GC-agent; it tends to the exact value as `num_paths` grows,
    provided q > 0 wherever p_S > 0.

    Args:
        chain: The S-agent's chain; with `nucleus < 1` its pruned prior is the prior.
        make_selector: Makes the GC-agent of one roll-out, given its goals (B, *S).
        goals: Images g, shape (N, *S), on the chain's device.
        num_paths: M.
        seed: Reproduces the paths.

    Raises:
        ValueError: If there are no images or no paths.
    """
    if num_paths < 1 or not len(goals):
        raise ValueError(f"need images and paths, got {len(goals)} images, {num_paths} paths")
    choose = make_sampler(torch.Generator().manual_seed(0 if seed is None else seed))
    rows = [
        _evaluate_batch(chain, make_selector, batch, num_paths, choose)
        for batch in goals.split(max(1, _BATCH // num_paths))
    ]
    return NLLReport.of(ImageBounds(*map(torch.cat, zip(*rows, strict=True))), num_paths)


def compute_image_bounds(reconstruction: Tensor, divergence: Tensor) -> ImageBounds:
    """Compute IW-M of every image from its M paths (Burda et al., 2016), in float64.

    Args:
        reconstruction: -log p(g | x_H), shape (B, M).
        divergence: log q - log p_S of each choice, shape (B, M, H).
    """
    reconstruction, divergence = reconstruction.double(), divergence.double()
    log_ratio = -(reconstruction + divergence.sum(2))  # log p(tau, g) / q(tau | g), (B, M)
    nll = math.log(log_ratio.shape[1]) - log_ratio.logsumexp(1)
    return ImageBounds(nll, reconstruction.mean(1), divergence.mean(1))


@torch.no_grad()
def _evaluate_batch(
    chain: Chain,
    make_selector: Callable[[Tensor], Selector],
    goals: Tensor,
    num_paths: int,
    choose: Callable[[Tensor], Tensor],
) -> ImageBounds:
    """Return the bounds of B goals."""
    most = max(1, _BATCH // len(goals))  # paths of one roll-out: memory does not grow with M
    reconstructions, divergences = [], []
    for num in [most] * (num_paths // most) + [num_paths % most]:
        if num:
            repeated = goals.repeat_interleave(num, 0)
            path = rollout(chain, make_selector(repeated), repeated, choose)
            bound = compute_bound(path)
            reconstructions.append(bound.reconstruction.view(-1, num))
            divergences.append(bound.divergence.view(-1, num, chain.horizon))
    return compute_image_bounds(torch.cat(reconstructions, 1), torch.cat(divergences, 1))
