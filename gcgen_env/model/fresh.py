"""A fresh S-agent, whose first proposals lead to training images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gcgen_env.config import EnvConfig, check_count
from gcgen_env.datasets import Dataset
from gcgen_env.model.basis import Basis, find_components
from gcgen_env.model.basis_proposer import BasisProposer
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.quantisation import LARGEST_GROUP, fit_codebooks
from gcgen_env.model.s_agent import SAgent

FRESH_CHANGE = {"bernoulli": 10.0, "gaussian": 1.0}
"""How far the H proposals of a fresh S-agent change a value that shall change from 0 to 1."""
LEAST_RATE = 1e-3
"""Codewords do not grow further to make up for smaller rates."""
ACTIVE_SPREAD = 0.02
"""A value is active if its standard deviation, in units of the range, exceeds this."""
LARGE = 28 * 28
"""Images of more values are proposed in a basis, if the likelihood is Gaussian."""
COMPONENTS = 800
"""Most principal components in which large images are proposed; their bits may suffice for less."""
FIT_IMAGES = 4096
"""Most images, evenly spread over the data set, to which codebooks are fitted."""


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
            training image; 0 proposes values of images. None means 800 for images of more than
            784 values with a Gaussian likelihood.
        **sizes: Fields of `NetworkConfig`; with a basis, proposals are codewords, unless
            `features` is given.

    Raises:
        ValueError: If a size is invalid, or there is a basis without a Gaussian likelihood.
    """
    num = choose_components(config, data.shape) if basis is None else basis
    check_count("basis", num, 0, "it counts principal components; 0 proposes values of images")
    if num and config.likelihood != "gaussian":
        raise ValueError(f"basis={num} needs likelihood='gaussian', got {config.likelihood!r}")
    if (body := sizes.pop("body", None)) not in (None, "mlp"):
        raise ValueError(
            f"a new S-agent has body='mlp', got {body!r}: convolutions learned less in "
            "the same time; S-agents that have them can be loaded and trained further"
        )
    if "groups" in sizes:
        raise ValueError("groups follow from the images: omit them")
    has_codebooks = num > 0 and "features" not in sizes
    if has_codebooks:
        num = min(num, LARGEST_GROUP * config.horizon)  # steps move no more
    found = find_components(data, dynamics.initial.clone(), num) if num else None
    if found is not None and has_codebooks:
        proposer: Any = _start_codebooks(config, data, found, dynamics.rate, **sizes)
    else:
        proposer = _start_network(config, data, dynamics, likelihood, found, **sizes)
    return SAgent(Chain(proposer, dynamics, likelihood), {"dataset": data.name})


def _start_network(
    config: EnvConfig,
    data: Dataset,
    dynamics: Dynamics,
    likelihood: Likelihood,
    basis: Basis | None,
    **sizes: Any,
) -> ProposalNetwork | BasisProposer:
    """Return a network whose proposals start as small steps to training images."""
    index = torch.randint(len(data), (config.num_proposals,)).numpy()
    images = torch.from_numpy(data.take(index))  # (A, *S)
    initial = likelihood.mean(dynamics.initial)  # (*S)
    counts = (config.num_proposals, config.horizon)
    size = FRESH_CHANGE[likelihood.name] / config.horizon
    if basis is not None:
        network = _make_inner(
            basis, NetworkConfig((basis.size + 1,), *counts, config.likelihood, **sizes)
        )
        network.start_with(size * basis.project(images))
        return BasisProposer(network, basis)
    network = ProposalNetwork(
        NetworkConfig(data.shape, *counts, config.likelihood, **sizes), find_active(data, initial)
    )
    network.start_with(size * (images - initial))
    return network


def _make_inner(basis: Basis, config: NetworkConfig) -> ProposalNetwork:
    """Return a network that proposes coordinates; the length of what is outside is not one."""
    return ProposalNetwork(config, torch.arange(basis.size + 1) < basis.size)


@torch.no_grad()
def _start_codebooks(
    config: EnvConfig, data: Dataset, found: Basis, rate: Tensor, **sizes: Any
) -> BasisProposer:
    """Return codebooks of components, fitted to training images, as steps of some rates (H,)."""
    index = np.linspace(0, len(data) - 1, min(len(data), FIT_IMAGES)).astype(np.int64)
    images = torch.from_numpy(data.take(index))  # (N, *S)
    values = found.project(images)[:, :-1] * found.scale  # (N, P), in units of canvases
    counts = (config.num_proposals, config.horizon)
    books = fit_codebooks(values, *counts, seed=int(torch.randint(2**31, ())))
    found = found.keep(max(first + size for first, size in books.groups))
    inner = NetworkConfig(
        (found.size + 1,), *counts, config.likelihood,
        **{**sizes, "features": None, "groups": books.groups},
    )  # fmt: skip
    network = _make_inner(found, inner)
    codebook = network.head.codebook
    assert isinstance(codebook, Tensor)  # (H, N, A)
    steps = zip(codebook, books.groups, books.codewords, rate, strict=True)
    for own, (first, size), words, alpha in steps:
        scale = found.scale[first : first + size].unsqueeze(1)  # (N_h, 1)
        own[:size] = words / (scale * alpha.clamp_min(LEAST_RATE))
    network.prior_head.bias.copy_((books.counts + 1).log())
    return BasisProposer(network, found)


def choose_components(config: EnvConfig, shape: tuple[int, ...]) -> int:
    """Return the default number of components for images of a shape S; 0 means no basis."""
    return COMPONENTS if math.prod(shape) > LARGE and config.likelihood == "gaussian" else 0


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
