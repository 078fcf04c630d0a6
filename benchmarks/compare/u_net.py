"""A U-Net of `diffusers` that a processor can train: it reads squares of pixels as channels."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers import UNet2DModel
from torch import Tensor

NORM_GROUPS = 8


class Patches(NamedTuple):
    """Cuts images into squares of pixels, which become channels, and joins them again."""

    side: int
    """Side of a square."""
    image: tuple[int, ...]
    """Shape S of an image: channels, height, width."""
    padded: tuple[int, int]
    """Height and width with borders, multiples of what the U-Net needs."""

    @classmethod
    def make(cls, image: tuple[int, ...], side: int, resolutions: int) -> Patches:
        """Choose the borders: each resolution of a U-Net halves the height and width."""
        unit = side * 2 ** (resolutions - 1)
        height, width = (-(-each // unit) * unit for each in image[1:])
        return cls(side, image, (height, width))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of what the U-Net reads: channels, height, width."""
        height, width = (side // self.side for side in self.padded)
        return self.image[0] * self.side**2, height, width

    def cut(self, images: Tensor) -> Tensor:
        """Return the squares of images (B, *S), shape (B, *self.shape)."""
        right, below = self.padded[1] - self.image[2], self.padded[0] - self.image[1]
        images = F.pad(images, (0, right, 0, below), mode="replicate")
        squares = F.pixel_unshuffle(images, self.side)
        return squares.contiguous(memory_format=torch.channels_last)

    def join(self, squares: Tensor) -> Tensor:
        """Return images (B, *S) of squares (B, *self.shape)."""
        return F.pixel_shuffle(squares, self.side)[..., : self.image[1], : self.image[2]]


def make_u_net(shape: tuple[int, int, int], channels: tuple[int, ...]) -> UNet2DModel:
    """Make a U-Net without attention that a processor can train."""
    u_net = UNet2DModel(
        sample_size=shape[1:],
        in_channels=shape[0],
        out_channels=shape[0],
        layers_per_block=1,
        block_out_channels=channels,
        down_block_types=("DownBlock2D",) * len(channels),
        up_block_types=("UpBlock2D",) * len(channels),
        norm_num_groups=NORM_GROUPS,
        add_attention=False,
    )
    return u_net.to(memory_format=torch.channels_last)
