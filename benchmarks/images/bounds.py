"""The bound of Gaussian models at their best standard deviation, and bits per dimension.

Every model is trained with the environment's sigma. Its bound at another sigma follows from the
same paths, because only log p(g | x_H) depends on it: with the mean squared error e of D values,

    bound = D / 2 (log(2 pi sigma^2) + e / sigma^2) + divergence,      least at sigma^2 = e.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from agents import NLLReport

LEVELS = 256
"""Number of values of a byte."""


class GaussianBound(NamedTuple):
    """The bound of one set of images, for each image."""

    sigma: float
    """Standard deviation of the likelihood, in units of the image values."""
    reconstruction: float
    """-log p(g | x), in nats."""
    divergence: float
    """What the code costs, in nats."""
    bits_per_dimension: float
    """The sum of the two in bits for each value, see `count_bits`."""

    @property
    def nats(self) -> float:
        """-ELBO, in nats."""
        return self.reconstruction + self.divergence


def find_squared_error(report: NLLReport, sigma: float, num_values: int) -> float:
    """Return the mean squared error of the paths of a report on images of D values."""
    z = 2 * report.reconstruction / num_values - math.log(2 * math.pi * sigma**2)
    return z * sigma**2


def change_sigma(
    report: NLLReport, old: float, new: float, num_values: int, value_range: float = 1.0
) -> GaussianBound:
    """Return the bound of a report if the standard deviation were another one.

    Args:
        report: A bound of one path for each image.
        old: Standard deviation that it was computed with.
        new: Standard deviation of the result.
        num_values: D.
        value_range: Largest minus smallest value of images.
    """
    error = find_squared_error(report, old, num_values)
    reconstruction = 0.5 * num_values * (math.log(2 * math.pi * new**2) + error / new**2)
    divergence = sum(report.divergence)
    bits = count_bits(reconstruction + divergence, num_values, value_range)
    return GaussianBound(new, reconstruction, divergence, bits)


def count_bits(nats: float, num_values: int, value_range: float = 1.0) -> float:
    """Return bits per dimension, of the density in units of bytes.

    A byte has probability p(g) d, where d = range / 255 is the distance of two bytes, if the
    density hardly varies between them.
    """
    return nats / (num_values * math.log(2)) - math.log2(value_range / (LEVELS - 1))
