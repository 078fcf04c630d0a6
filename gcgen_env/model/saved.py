"""Saved S-agents: the network and everything its canvases depend on, in one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gcgen_env.model.dynamics import Dynamics
from gcgen_env.model.likelihoods import Likelihood, make_likelihood
from gcgen_env.model.network import NetworkConfig, ProposalNetwork
from gcgen_env.storage import load_container, save_container

KIND = "s-agent"
_NETWORK = "network."
_WEIGHTS = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True, eq=False)
class SavedSAgent:
    """A generative model without its GC-agent: proposals, prior, x_0, rate, likelihood."""

    network: ProposalNetwork
    """Proposals and prior."""
    dynamics: Dynamics
    """Initial canvas and rate."""
    likelihood: Likelihood
    """p(g | x)."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Where it comes from: data set, command, seed, bound."""


def pack_s_agent(agent: SavedSAgent) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return an S-agent as a JSON document and named tensors."""
    likelihood = agent.likelihood
    document = {
        "network": agent.network.config.to_json(),
        "likelihood": {
            "name": likelihood.name,
            "low": likelihood.low,
            "high": likelihood.high,
            "sigma": getattr(likelihood, "sigma", 0.1),
        },
        "metadata": agent.metadata,
    }
    weights = {f"{_NETWORK}{k}": v for k, v in agent.network.state_dict().items()}
    dynamics = agent.dynamics
    return document, {**weights, "initial": dynamics.initial, "rate": dynamics.rate}


def unpack_s_agent(
    document: dict[str, Any], tensors: dict[str, Tensor], device: torch.device | str
) -> SavedSAgent:
    """Build the S-agent that `pack_s_agent` took apart; other entries are left unread."""
    config = NetworkConfig(**document["network"])
    for name, shape in (("initial", config.shape), ("rate", (config.horizon,))):
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has shape {tuple(tensors[name].shape)}, expected {shape}")
    pixels = tensors["network.pixels"]
    active = torch.zeros(tensors["initial"].numel(), dtype=torch.bool)
    active[pixels] = True
    network = ProposalNetwork(config, active)
    network.load_state_dict(
        {k.removeprefix(_NETWORK): v for k, v in tensors.items() if k.startswith(_NETWORK)}
    )
    network.to(device).eval().requires_grad_(False)
    dynamics = Dynamics(tensors["initial"].float(), tensors["rate"].float()).to(device)
    likelihood = make_likelihood(event_ndim=len(config.shape), **document["likelihood"])
    return SavedSAgent(network, dynamics, likelihood, document["metadata"])


def save_s_agent(path: str | Path, agent: SavedSAgent, half: bool = False) -> Path:
    """Write a saved S-agent, atomically.

    Args:
        path: Where to write, any suffix.
        agent: What to write.
        half: Store the weights as float16, half the size.

    Returns:
        The path written.
    """
    document, tensors = pack_s_agent(agent)
    if half:
        tensors = {name: _halve(name, tensor) for name, tensor in tensors.items()}
    return save_container(path, KIND, document, tensors)


def load_s_agent(path: str | Path, device: torch.device | str = "cpu") -> SavedSAgent:
    """Read a saved S-agent.

    Args:
        path: A file written by `save_s_agent`.
        device: Where to put its tensors.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or holds something else.
    """
    document, tensors = load_container(path, KIND)
    try:
        return unpack_s_agent(document, tensors, device)
    except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit its own header: {error}") from error


def pretrained_path(dataset: str) -> Path:
    """Return the file of the S-agent shipped for a data set.

    Raises:
        ValueError: If none is shipped for it.
    """
    path = _WEIGHTS / f"{dataset}.safetensors"
    if not path.is_file():
        shipped = sorted(p.stem for p in _WEIGHTS.glob("*.safetensors"))
        raise ValueError(
            f"no pretrained proposer is shipped for the data set {dataset!r}, only for "
            f"{', '.join(shipped) or 'none'}; use proposer='dictionary' or a saved S-agent"
        )
    return path


def _halve(name: str, tensor: Tensor) -> Tensor:
    """Return a weight of the network as float16, anything else as it is."""
    is_weight = name.startswith(_NETWORK) and tensor.is_floating_point()
    return tensor.half() if is_weight else tensor
