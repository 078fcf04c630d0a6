"""The convolutional body that S-agents of earlier versions have above 28x28."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn


def count_channels(width: int) -> int:
    """Return the number of channels at full resolution, F."""
    return max(width // 8, 8)


class ConvTrunk(nn.Module):
    """A small U-Net: full-resolution features for the proposals, pooled ones for the prior."""

    def __init__(self, shape: tuple[int, ...], horizon: int, width: int, depth: int) -> None:
        """Make the layers.

        Args:
            shape: (C, height, width) of one image.
            horizon: H.
            width: Size of the pooled features; there are width / 8 channels, at least 8.
            depth: Number of residual blocks.
        """
        super().__init__()
        self.shape = shape
        self.channels = f = count_channels(width)  # F
        self.embed = nn.Conv2d(shape[0], f, 3, padding=1)  # at full resolution
        self.down = nn.ModuleList(  # to 1/2 and 1/4 of the resolution
            nn.Conv2d(f * m, f * n, 3, stride=2, padding=1) for m, n in ((1, 2), (2, 4))
        )
        self.step_embedding = nn.Embedding(horizon, 4 * f)  # added at 1/4 of the resolution
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(4, 4 * f), nn.SiLU(), nn.Conv2d(4 * f, 4 * f, 3, padding=1))
            for _ in range(depth)
        )
        self.up = nn.ModuleList(  # inputs: coarser maps beside those of the same resolution
            nn.Conv2d(f * m, f * n, 3, padding=1) for m, n in ((4 + 2, 2), (2 + 1, 1))
        )
        self.summary = nn.Linear(4 * f, width)

    def forward(
        self, x: Tensor, step: Tensor, given: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map (B, C h w) values to maps (B, F, h, w) and pooled features (B, W).

        `given`, shape (B, 4 F), is added to the step's embedding.
        """
        silu = nn.functional.silu
        levels = [silu(self.embed(x.unflatten(-1, self.shape)))]  # one entry, (B, F, h, w)
        for layer in self.down:
            levels.append(silu(layer(levels[-1])))  # 2 F maps at 1/2, 4 F at 1/4
        z = levels.pop() + self.step_embedding(step)[..., None, None]  # (B, 4 F, h / 4, w / 4)
        if given is not None:
            z = z + given[..., None, None]
        for block in self.blocks:
            z = z + block(z)
        summary = silu(self.summary(z.mean((-2, -1))))  # (B, W)
        for layer in self.up:
            skip = levels.pop()
            z = nn.functional.interpolate(z, size=skip.shape[-2:])  # not scale=2: sides may be odd
            z = silu(layer(torch.cat([z, skip], dim=1)))
        return z, summary


class ConvHead(nn.Module):
    """A maps of 1x1 convolutions from feature maps to images: y[a] = W[a] z + b[a].

    Its weights are few: casting them is cheap, and autograd adds up their gradients.
    """

    feature_axis = 2
    """Axis of the weight that z is summed over."""

    def __init__(self, features: int, num_proposals: int, channels: int) -> None:
        """Make small weights; `channels` is C of one image."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_proposals, channels, features) * 0.02)
        self.bias = nn.Parameter(torch.zeros(num_proposals, channels))  # (A, C)

    def forward(
        self, z: Tensor, dtype: torch.dtype = torch.float32, part: Tensor | None = None
    ) -> Tensor:
        """Return all proposals, shape (B, A, C * height * width), from z (B, F, h, w)."""
        weight, bias = self.weight.to(dtype), self.bias.to(dtype)
        y = torch.einsum("bfhw,acf->bachw", z.to(dtype), weight) + bias[..., None, None]
        y = y.flatten(2).to(self.weight.dtype)
        return y if part is None else y.index_select(-1, part)

    def chosen(self, z: Tensor, action: Tensor) -> Tensor:
        """Return the chosen proposals, shape (B, C * height * width)."""
        weight, bias = self.weight[action], self.bias[action]  # (B, C, F), (B, C)
        y = torch.einsum("bfhw,bcf->bchw", z, weight) + bias[..., None, None]
        return y.flatten(1)

    def cast_once(
        self, dtype: torch.dtype, part: Tensor | None = None
    ) -> AbstractContextManager[None]:
        """Return a context that changes nothing; see `LinearHead.cast_once`."""
        return nullcontext()
