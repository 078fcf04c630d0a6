"""A fresh S-agent, whose first proposals lead to training images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gcgen_env.config import EnvConfig, check_count
from gcgen_env.datasets import Dataset
from gcgen_env.model.basis import find_components
from gcgen_env.model.basis_proposer import BasisProposer
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import MLP_VALUES, NetworkConfig
from gcgen_env.model.s_agent import SAgent

FRESH_CHANGE = {"bernoulli": 10.0, "gaussian": 1.0}
"""How far the H proposals of a fresh S-agent change a value that shall change from 0 to 1."""
ACTIVE_SPREAD = 0.02
"""A value is active if its standard deviation, in units of the range, exceeds this."""
COMPONENTS = 400
"""Number of principal components in which large images are proposed."""
FEATURES = (4, 64)
"""Fewest and most features of such proposals; see `choose_features`."""
HEAD_ROWS = 2048
"""A K, the rows of the matrices that make such proposals, which the time of a step follows."""


def make_fresh(
    config: EnvConfig,
    data: Dataset,
    dynamics: Dynamics,
    likelihood: Likelihood,
    basis: int | None = None,
    **sizes: Any,
) -> SAgent:
    """Return an untrained S-agent.

    Args:
        config: The configuration of an environment.
        data: Training images.
        dynamics: x_0 and the rate.
        likelihood: p(g | x).
        basis: Largest number of principal components in which it proposes, at most one for each
            training image; 0 proposes values of images. None means 400 for images of more than
            784 values with a Gaussian likelihood, unless a body is chosen.
        **sizes: Fields of `NetworkConfig`; with a basis, `choose_features` gives the default of
            `features`.

    Raises:
        ValueError: If a size is invalid, or there is a basis without a Gaussian likelihood.
    """
    num = choose_components(config, data.shape, sizes.get("body")) if basis is None else basis
    check_count("basis", num, 0, "it counts principal components; 0 proposes values of images")
    if num and config.likelihood != "gaussian":
        raise ValueError(f"basis={num} needs likelihood='gaussian', got {config.likelihood!r}")
    if num and sizes.get("body") == "conv":
        raise ValueError(f"basis={num} needs body='mlp', got 'conv': convolutions read pixels")
    index = torch.randint(len(data), (config.num_proposals,)).numpy()
    images = torch.from_numpy(data.take(index))  # (A, *S)
    size = FRESH_CHANGE[likelihood.name] / config.horizon
    a, h = config.num_proposals, config.horizon
    if num:
        found = find_components(data, dynamics.initial.clone(), num)
        sizes = {"features": choose_features(a), **sizes}
        inner = NetworkConfig((found.size + 1,), a, h, config.likelihood, **sizes)
        active = torch.arange(found.size + 1) < found.size  # not the length of what is outside
        network = ProposalNetwork(inner, active)
        network.start_with(size * found.project(images))
        proposer: ProposalNetwork | BasisProposer = BasisProposer(network, found)
    else:
        initial = likelihood.mean(dynamics.initial)  # (*S)
        network = ProposalNetwork(
            NetworkConfig(data.shape, a, h, config.likelihood, **sizes), find_active(data, initial)
        )
        network.start_with(size * (images - initial))
        proposer = network
    return SAgent(Chain(proposer, dynamics, likelihood), {"dataset": data.name})


def choose_components(config: EnvConfig, shape: tuple[int, ...], body: str | None) -> int:
    """Return the default number of components for images of a shape S; 0 means no basis."""
    is_large = math.prod(shape) > MLP_VALUES and body is None
    return COMPONENTS if is_large and config.likelihood == "gaussian" else 0


def choose_features(num_proposals: int) -> int:
    """Return the default K of A proposals in a basis: more proposals have fewer features.

    At equal time, 512 proposals of 4 features describe an image better than 64 of 64.
    """
    return min(max(FEATURES[0], HEAD_ROWS // num_proposals), FEATURES[1])


def find_active(dataset: Dataset, initial: Tensor) -> Tensor:
    """Find the values that proposals need to change, shape (*S), bool.

    A value is left out only if it hardly varies over the training images and is already right in
    the initial image. If this holds for all values, as with a single image, none is left out.

    Args:
        dataset: Training images.
        initial: The initial image, shape (*S).
    """
    count = min(len(dataset), 10_000)  # enough for a standard deviation
    images = dataset.take(np.linspace(0, len(dataset) - 1, count).astype(np.int64))  # (count, *S)
    threshold = ACTIVE_SPREAD * (dataset.high - dataset.low)
    off = np.abs(images.mean(axis=0) - initial.cpu().numpy())  # (*S)
    active = (images.std(axis=0) > threshold) | (off > threshold)
    return torch.from_numpy(active if active.any() else np.ones_like(active))
