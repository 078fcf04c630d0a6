"""A convolutional variational autoencoder of images, for comparison."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.common.augmentation import augment
from agents.gcgen.noise_scale import fit_sigma
from benchmarks.ablation.autoencoders import GaussianVAE
from benchmarks.ablation.vae import VAESizes
from gcgen_env import EnvConfig
from gcgen_env.model.likelihoods import Gaussian
from gcgen_env.model.stored_values import has_probabilities, log_probability

LAYERS = 4
"""Convolutions of encoder and decoder; each halves or doubles the sides."""
_BATCH = 256


class ConvVAE(GaussianVAE):
    """Four strided convolutions each way, and Gaussian latents.

    `VAESizes.hidden` is the number of channels of the smallest maps; each larger map has half as
    many. Training time is the processor's.
    """

    now: Callable[[], float] = staticmethod(time.process_time)

    def __init__(
        self, config: EnvConfig, sizes: VAESizes, seed: int, augmentations: Collection[str] = ()
    ) -> None:
        """Build the networks; `augmentations` are those of `GCGenConfig.augment`."""
        super().__init__(config, sizes, seed)
        self.augmentations = augmentations

    def make_decoder(self, codes: int, start: Tensor) -> nn.Module:
        """Make the network from codes (..., N) to flat canvases (..., D), changes of `start`."""
        return _Decoder(codes, self.sizes.hidden, start)

    def make_encoder(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Make the network from flat images (B, D) of a shape S to `outputs` numbers."""
        return _Encoder(shape, self.sizes.hidden, outputs)

    def draw_goals(self) -> NDArray[np.float32]:
        """Draw the goals of one update, shape (B, *S)."""
        low, high = self.likelihood.low, self.likelihood.high
        return augment(super().draw_goals(), self.augmentations, self.rng, low, high)

    @torch.no_grad()
    def reconstruct(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the images (B, *S) of the means of the posterior of images (B, *S)."""
        parts = []
        for batch in torch.from_numpy(images).split(_BATCH):
            mean, _ = self.encode(batch).chunk(2, -1)  # (B, N)
            parts.append(self.likelihood.mean(self.decode(mean)))
        return torch.cat(parts).numpy()

    @torch.no_grad()
    def fit_sigma(self, images: NDArray[np.float32]) -> float | None:
        """Set sigma to that of the shortest code of images (B, *S), given codes of the posterior.

        `GCGen.fit_sigma` does the same for the most probable codes. None: there is no sigma.
        """
        if not isinstance(self.likelihood, Gaussian):
            return None
        torch.manual_seed(0)
        goals = torch.from_numpy(images)
        codes, _ = self.draw_paths(self.encode(goals), 1)  # (1, B, N)
        mean = self.likelihood.mean(self.decode(codes[0])).numpy()
        self.likelihood = replace(self.likelihood, sigma=fit_sigma(self.likelihood, mean, goals))
        return self.likelihood.sigma

    def stored_cost(self, canvas: Tensor, goal: Tensor) -> Tensor | None:
        """Return -log P of stored images (B, *S), shape (M, B); None if they have no P."""
        if not has_probabilities(self.likelihood, goal):
            return None
        return -torch.stack([log_probability(self.likelihood, each, goal) for each in canvas])

    @torch.no_grad()
    def sample(self, num: int, seed: int) -> NDArray[np.float32]:
        """Generate images, shape (num, *S): the means of the likelihood."""
        generator = torch.Generator().manual_seed(seed)
        codes = torch.randn(num, self.sizes.latents, generator=generator)
        parts = (self.likelihood.mean(self.decode(part)) for part in codes.split(_BATCH))
        return torch.cat(list(parts)).numpy()


class _Encoder(nn.Module):
    """From flat images to numbers; sides are padded to multiples of sixteen."""

    def __init__(self, shape: tuple[int, ...], channels: int, outputs: int) -> None:
        super().__init__()
        self.shape, (rows, columns) = shape, _smallest(shape)
        maps = [shape[0], *_widths(channels)]
        layers: list[nn.Module] = []
        for before, after in pairwise(maps):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.SiLU()]
        last = nn.Linear(channels * rows * columns, outputs)
        self.layers = nn.Sequential(*layers, nn.Flatten(), last)

    def forward(self, flat: Tensor) -> Tensor:
        """Return numbers (B, outputs) of images (B, D)."""
        _, height, width = self.shape
        below, right = -height % 2**LAYERS, -width % 2**LAYERS
        images = F.pad(flat.unflatten(-1, self.shape), (0, right, 0, below))
        return self.layers(images.contiguous(memory_format=torch.channels_last))


class _Decoder(nn.Module):
    """From codes to flat canvases, as changes of one canvas that is learned, too."""

    def __init__(self, codes: int, channels: int, start: Tensor) -> None:
        super().__init__()
        self.shape = tuple(start.shape)
        rows, columns = _smallest(self.shape)
        maps = [*_widths(channels)[::-1], self.shape[0]]
        first = nn.Linear(codes, channels * rows * columns)
        layers: list[nn.Module] = [first, nn.Unflatten(-1, (channels, rows, columns))]
        for before, after in pairwise(maps):
            layers += [nn.SiLU(), nn.ConvTranspose2d(before, after, 4, 2, 1)]
        self.layers = nn.Sequential(*layers)
        self.start = nn.Parameter(start.clone())

    def forward(self, codes: Tensor) -> Tensor:
        """Return canvases (..., D) of codes (..., N)."""
        _, height, width = self.shape
        change = self.layers(codes.flatten(0, -2))[..., :height, :width]
        return (self.start + change).flatten(1).unflatten(0, codes.shape[:-1])


def _smallest(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the sides of the smallest maps of images of a shape S."""
    return -(-shape[1] // 2**LAYERS), -(-shape[2] // 2**LAYERS)  # rounded up


def _widths(channels: int) -> list[int]:
    """Return the channels of the maps, from the largest map to the smallest."""
    return [max(1, channels >> (LAYERS - 1 - layer)) for layer in range(LAYERS)]
