"""What is missing from the last canvas to the exact image: bits, or bytes.

Bits are coded with their Bernoulli means m(x_H). Bytes are coded with the normal distribution
around m(x_H), of which each byte has its cell and the outer bytes the tails, cut at 0 and 255. Its
deviation is chosen for each image from a fixed list, because the likelihood's sigma is a training
weight and seldom the deviation of what is left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agents.codec.coder import LEVELS, Decoder, Encoder
from agents.codec.container import BITS, BYTES
from agents.codec.frequencies import quantise, quantise_bits
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.model.stored_values import has_probabilities

SIGMAS = 0.25 * 2.0 ** (np.arange(64) / 7)
"""Deviations that an image can choose, in bytes: from a quarter to 128."""
GRID = 64
"""Parts of a byte to which means are rounded, so that machines agree on them."""


def find_kind(likelihood: Likelihood, images: Tensor) -> int:
    """Return `BITS` or `BYTES`.

    Raises:
        ValueError: If images (N, *S) cannot be stored exactly.
    """
    if has_probabilities(likelihood, images):
        return BYTES if likelihood.name == "gaussian" else BITS
    need = "bytes divided by 255" if likelihood.name == "gaussian" else "binary: draw or round them"
    raise ValueError(f"lossless codes need images that are {need}")


def to_levels(kind: int, images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the bits or bytes of images, same shape."""
    return np.rint(images * (1 if kind == BITS else LEVELS - 1)).astype(np.uint8)


def put_residual(
    encoder: Encoder, kind: int, mean: NDArray[np.float64], levels: NDArray[np.uint8]
) -> None:
    """Append images.

    Args:
        encoder: The stream.
        kind: `BITS` or `BYTES`.
        mean: m(x_H), shape (B, *S).
        levels: The bits or bytes, same shape.
    """
    if kind == BITS:
        encoder.put_bits(levels.ravel(), quantise_bits(mean).ravel())
        return
    centre = _centre(mean)  # (B, D)
    error = np.sqrt(np.mean((levels.reshape(centre.shape) - centre) ** 2, axis=1))  # (B,)
    choice = np.abs(np.log(SIGMAS) - np.log(error.clip(SIGMAS[0]))[:, None]).argmin(1)  # (B,)
    encoder.put_choices(choice, _uniform(len(choice)))
    encoder.put_bytes(levels.ravel(), centre.ravel(), _spread(choice, centre))


def get_residual(decoder: Decoder, kind: int, mean: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Read the bits or bytes of images around their means (B, *S); same shape."""
    if kind == BITS:
        levels = decoder.get_bits(quantise_bits(mean).ravel())
    else:
        centre = _centre(mean)
        choice = decoder.get_choices(_uniform(len(centre)))
        levels = decoder.get_bytes(centre.ravel(), _spread(choice, centre))
    return levels.reshape(mean.shape).astype(np.uint8)


def _centre(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means in bytes, rounded to the grid, shape (B, D)."""
    return np.rint(mean.reshape(len(mean), -1) * ((LEVELS - 1) * GRID)) / GRID


def _spread(choice: NDArray[np.int64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the deviation of every value, shape (B D,)."""
    return np.repeat(SIGMAS[choice], centre.shape[1])


def _uniform(num: int) -> NDArray[np.int64]:
    """Return equal frequencies of the deviations, shape (num, 64)."""
    return quantise(np.zeros((num, len(SIGMAS))))
