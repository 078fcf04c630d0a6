"""FID and KID: distances between two sets of features, by the library `torchmetrics`."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

SUBSETS, SUBSET_SIZE = 100, 1000
"""Number and size of the subsets of KID, as in Binkowski et al. (2018)."""


class KernelDistance(NamedTuple):
    """KID over random subsets."""

    mean: float
    """Mean over the subsets; unbiased, so it may be negative."""
    deviation: float
    """Standard deviation over the subsets."""


def frechet_distance(real: NDArray[np.float64], drawn: NDArray[np.float64]) -> float:
    """Return FID, the squared Frechet distance of the Gaussians fitted to two sets.

        |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))        (Heusel et al., 2017)

    It falls as the sets grow: compare figures of equally many images only.

    Args:
        real: Features, shape (N, F).
        drawn: Features, shape (M, F).
    """
    metric = import_metrics().fid.FrechetInceptionDistance(_Features(real.shape[1]))
    return float(_update(metric, real, drawn).compute())


def kernel_distance(
    real: NDArray[np.float64], drawn: NDArray[np.float64], seed: int = 0
) -> KernelDistance:
    """Return KID, the squared maximum mean discrepancy with the kernel (x.y / F + 1)^3.

    Args:
        real: Features, shape (N, F).
        drawn: Features, shape (M, F).
        seed: Seed of the subsets.
    """
    size = min(SUBSET_SIZE, len(real) // 3, len(drawn) // 3)  # subsets of small sets differ, too
    kind = import_metrics().kid.KernelInceptionDistance
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # about its memory
        metric = kind(_Features(real.shape[1]), subsets=SUBSETS, subset_size=size)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)  # the library draws from the global generator
        mean, deviation = _update(metric, real, drawn).compute()
    return KernelDistance(float(mean), float(deviation))


class _Features(nn.Identity):
    """Stands for the network of the library's metrics, whose inputs are features already."""

    def __init__(self, size: int) -> None:
        """Store F, which the library asks for."""
        super().__init__()
        self.num_features = size


def _update(metric: Any, real: NDArray[np.float64], drawn: NDArray[np.float64]) -> Any:
    """Give both sets to a metric, and return it."""
    metric.update(torch.from_numpy(real), real=True)  # features in the place of images
    metric.update(torch.from_numpy(drawn), real=False)
    return metric


def import_metrics() -> Any:
    """Return the library's metrics of images.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        import torchmetrics.image.fid
        import torchmetrics.image.kid
    except ImportError as error:
        raise ValueError(
            "FID and KID need the library torchmetrics: pip install 'gcgen[evaluation]'"
        ) from error
    return torchmetrics.image
