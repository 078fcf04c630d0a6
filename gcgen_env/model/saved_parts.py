"""Rebuilds the parts of a saved S-agent, if what the file says agrees with its tensors.

A file may claim any size. The claims are compared with the tensors that are really there, whose
size is bounded by that of the file, before anything of the claimed size is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gcgen_env.model.basis import Basis
from gcgen_env.model.basis_proposer import BasisProposer
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.convolutional import count_channels
from gcgen_env.model.likelihoods import Likelihood, make_likelihood
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.saved_proposers import restore_proposer

Shapes = dict[str, tuple[int, ...]]
"""Shapes of tensors by name."""
PIXELS = "pixels"
"""The one tensor of a network that holds indices."""
NETWORK, BASIS = "network.", "basis."
"""Prefixes of the network's tensors in a file, and of those of the basis, if there is one."""
LARGEST = 1e30
"""Numbers of a likelihood are smaller, so that float32 can hold them."""


def restore_chain(
    document: Mapping[str, Any], tensors: Mapping[str, Tensor], device: torch.device | str
) -> Chain:
    """Build the chain of a saved S-agent, whose proposer has a network or does not learn.

    Raises:
        LookupError: If something is missing.
        TypeError: If a field is unknown.
        ValueError: If something is impossible, or does not fit the tensors.
    """
    has_network = "network" in document
    basis = {k[len(BASIS) :]: v for k, v in tensors.items() if k.startswith(BASIS)}
    shape, horizon = tuple(tensors["initial"].shape), len(tensors["rate"])
    if has_network:
        config = NetworkConfig(**{"features": None, **document["network"]})  # None in version 0.1
        shape, horizon = shape if basis else config.shape, config.horizon
    dynamics = restore_dynamics(shape, horizon, tensors).to(device)
    likelihood = restore_likelihood(len(shape), document["likelihood"])
    if not has_network:
        return Chain(restore_proposer(document["proposer"], shape, horizon), dynamics, likelihood)
    weights = {k[len(NETWORK) :]: v for k, v in tensors.items() if k.startswith(NETWORK)}
    network = restore_network(config, weights, likelihood.name).to(device)
    if not basis:
        return Chain(network, dynamics, likelihood)
    found = restore_basis(config, shape, basis).to(device)
    return Chain(BasisProposer(network, found), dynamics, likelihood)


def restore_basis(
    config: NetworkConfig, shape: tuple[int, ...], tensors: Mapping[str, Tensor]
) -> Basis:
    """Return the basis of a saved S-agent, whose images have a shape S.

    Raises:
        LookupError: If a tensor is missing.
        ValueError: If a tensor does not fit the network and the images, or is not a basis.
    """
    size = math.prod(config.shape) - 1  # P: the network has one coordinate more
    shapes = {"centre": shape, "vectors": (size, math.prod(shape)), "scale": (size,)}
    for name, expected in shapes.items():
        _check_tensor(f"{BASIS}{name}", tensors[name], expected)
    if not (tensors["scale"] > 0).all():
        raise ValueError("basis.scale must be positive")
    vectors = tensors["vectors"].float()
    if (vectors @ vectors.T - torch.eye(size)).abs().max() > 1e-2:  # float16 is within 1e-3
        raise ValueError("basis.vectors must be orthonormal")
    if config.likelihood != "gaussian":
        raise ValueError(f"a basis needs a Gaussian likelihood, got {config.likelihood!r}")
    return Basis(**{name: tensors[name].float() for name in shapes})


def restore_dynamics(
    shape: tuple[int, ...], horizon: int, tensors: Mapping[str, Tensor]
) -> Dynamics:
    """Return x_0 and the rates of a saved S-agent.

    Args:
        shape: Shape S of one image.
        horizon: H.
        tensors: Those of the file.

    Raises:
        LookupError: If a tensor is missing.
        ValueError: If a tensor has another shape, or values that are not finite.
    """
    for name, expected in (("initial", shape), ("rate", (horizon,))):
        _check_tensor(name, tensors[name], expected)
    if (tensors["rate"] < 0).any():
        raise ValueError("rate must not be negative")
    return Dynamics(tensors["initial"].float(), tensors["rate"].float())


def restore_network(
    config: NetworkConfig, weights: Mapping[str, Tensor], likelihood: str
) -> ProposalNetwork:
    """Build the network of a saved S-agent, for inference; training enables gradients.

    Args:
        config: The sizes that the file claims; x_0 of this shape is known to be in the file.
        weights: The state of the network.
        likelihood: Name of the S-agent's likelihood.

    Raises:
        LookupError: If there are no pixels.
        ValueError: If a tensor is missing, unknown, or has another shape, type, or values that
            are not finite; or if the network was made for another likelihood.
    """
    if likelihood != config.likelihood:
        raise ValueError(f"likelihood {likelihood!r} is not the network's, {config.likelihood}")
    active = _find_active(config, weights[PIXELS])
    most = max((sum(group) for group in config.groups or ()), default=0)
    if most > len(weights[PIXELS]):
        raise ValueError(f"groups need {most} values, the network has {len(weights[PIXELS])}")
    if config.depth > len(weights):  # before as many names are listed
        raise ValueError(f"depth={config.depth} needs more than the {len(weights)} tensors there")
    shapes = list_shapes(config, len(weights[PIXELS]))
    for name, shape in shapes.items():
        if name not in weights:
            raise ValueError(f"network.{name} is missing, which these sizes need: {config}")
        if name != PIXELS:
            _check_tensor(f"network.{name}", weights[name], shape)
    unknown = weights.keys() - shapes.keys()
    if unknown:
        raise ValueError(f"network.{min(unknown)} is unknown to a network of these sizes: {config}")
    network = ProposalNetwork(config, active)
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


def restore_likelihood(event_ndim: int, fields: Mapping[str, Any]) -> Likelihood:
    """Build the likelihood of a saved S-agent, whose images have `event_ndim` axes.

    Raises:
        LookupError: If there is no name.
        TypeError: If a field is unknown.
        ValueError: If there is no such likelihood, or its numbers are impossible.
    """
    for name, value in fields.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if name != "name" and not (is_number and abs(value) < LARGEST):  # false for NaN
            raise ValueError(f"{name} of the likelihood must be a finite number, got {value!r:.99}")
    likelihood = make_likelihood(event_ndim=event_ndim, **fields)
    if not likelihood.low < likelihood.high:
        raise ValueError(f"low must be below high, got {likelihood.low} and {likelihood.high}")
    return likelihood


def _find_active(config: NetworkConfig, pixels: Tensor) -> Tensor:
    """Return which values proposals may change, shape (D,), bool, from their indices."""
    values = math.prod(config.shape)
    if pixels.dtype != torch.int64 or pixels.ndim != 1:
        raise ValueError(f"network.pixels must be a list of integers, got {pixels.dtype}")
    active = torch.zeros(values, dtype=torch.bool)
    active[pixels.clamp(0, values - 1)] = True
    if not torch.equal(active.nonzero().squeeze(1), pixels):
        raise ValueError(f"network.pixels must be increasing and lie in [0, {values})")
    return active


def halve(name: str, tensor: Tensor) -> Tensor:
    """Return a weight of the network, or the basis, as float16, any other tensor unchanged."""
    is_weight = name.startswith((NETWORK, f"{BASIS}vectors")) and tensor.is_floating_point()
    return tensor.half() if is_weight else tensor


def list_shapes(config: NetworkConfig, num_active: int) -> Shapes:
    """Return the shape of each tensor of a `ProposalNetwork`, without building one.

    PyTorch's "meta" device would tell the same, but it takes seconds to import.
    """
    num, width = config.num_proposals, config.width
    layers: Shapes = {} if config.groups else {"prior_head": (num, width)}  # each with a bias
    if config.body == "mlp":
        body = _list_mlp(config, num_active, layers)
    else:
        body = _list_conv(config, layers)
    if config.num_classes:
        body["class_embedding"] = (config.num_classes, body["trunk.step_embedding.weight"][1])
    for name, shape in layers.items():
        body |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return {PIXELS: (num_active,), **body}


def _list_mlp(config: NetworkConfig, num_active: int, layers: Shapes) -> Shapes:
    """Add the layers of an `MLPTrunk`, and return its other tensors and those of the head."""
    num, width = config.num_proposals, config.width
    layers |= {"trunk.embed": (width, num_active), "trunk.norm": (width,)}
    if config.groups is None:
        inputs = config.features or width
        own = {"head.weight": (num, inputs, num_active), "head.bias": (num, num_active)}
        if config.features is not None:
            own["trunk.project.weight"] = (config.features, width)
    else:
        size = max(size for _, size in config.groups)
        own = {
            "head.codebook": (config.horizon, size, num),
            "prior_head.weight": (config.horizon, width, 2 * size),
            "prior_head.offset": (config.horizon, 2 * size),
            "prior_head.bias": (config.horizon, num),
        }
    for block in range(config.depth):
        layers[f"trunk.blocks.{block}.0"] = (width,)  # LayerNorm, linear, SiLU, linear
        layers |= {f"trunk.blocks.{block}.{place}": (width, width) for place in (1, 3)}
    return {"trunk.step_embedding.weight": (config.horizon, width), **own}


def _list_conv(config: NetworkConfig, layers: Shapes) -> Shapes:
    """Add the layers of a `ConvTrunk`, and return its other tensors and those of the head."""
    num, colours = config.num_proposals, config.shape[0]
    f = count_channels(config.width)
    layers |= {"trunk.embed": (f, colours, 3, 3), "trunk.summary": (config.width, 4 * f)}
    for name, (m, n) in {
        "down.0": (1, 2),
        "down.1": (2, 4),
        "up.0": (6, 2),
        "up.1": (3, 1),
    }.items():
        layers[f"trunk.{name}"] = (f * n, f * m, 3, 3)
    for block in range(config.depth):
        layers[f"trunk.blocks.{block}.0"] = (4 * f,)  # GroupNorm, SiLU, convolution
        layers[f"trunk.blocks.{block}.2"] = (4 * f, 4 * f, 3, 3)
    return {
        "trunk.step_embedding.weight": (config.horizon, 4 * f),
        "head.weight": (num, colours, f),
        "head.bias": (num, colours),
    }


def _check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless a tensor has this shape and holds finite floats."""
    if tensor.shape != shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, the sizes say {shape}")
    if not tensor.is_floating_point():
        raise ValueError(f"{name} must hold floats, got {tensor.dtype}")
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} holds NaN or infinity")
