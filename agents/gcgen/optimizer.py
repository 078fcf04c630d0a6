"""The optimiser of the S-agent."""

from __future__ import annotations

import torch
from torch import nn

from agents.gcgen.config import GCGenConfig, OptimizerName
from agents.gcgen.soap import SOAP
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.s_agent import SAgent

WEIGHT_DECAY, BASIS_WEIGHT_DECAY = 0.1, 4.0
"""Default decay of an S-agent's matrices, and of one that proposes components of a basis."""


def find_weight_decay(config: GCGenConfig, s_agent: SAgent) -> float:
    """Return the decay that was chosen, else the default: large images are easily overfitted."""
    if config.weight_decay is not None:
        return config.weight_decay
    return WEIGHT_DECAY if s_agent.basis is None else BASIS_WEIGHT_DECAY


def make_optimizer(
    name: OptimizerName, network: ProposalNetwork | None, lr: float, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Make the optimiser of a network; `GCGen` sets the learning rate in each round.

    SOAP rotates both sides of the layers' matrices, and of the head's A matrices the side of the
    features, in a basis that they share; these weights decay. Everything else is trained by Adam.
    Without a network there is nothing to optimise.
    """
    if network is None:
        return torch.optim.Adam([{"params": []}], lr)
    if name == "adam":
        is_fused = network.pixels.device.type in ("cpu", "cuda")  # one kernel for all weights
        return torch.optim.Adam(network.parameters(), lr, betas=(0.9, 0.99), fused=is_fused)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    matrices, head = [layer.weight for layer in layers], network.head.weight
    rotated = {id(weight) for weight in (*matrices, head)}
    rest = [weight for weight in network.parameters() if id(weight) not in rotated]
    return SOAP(
        [
            {"params": matrices, "axes": (0, 1), "weight_decay": weight_decay},
            {
                "params": [head],
                "axes": (network.head.feature_axis,),
                "weight_decay": weight_decay,
            },
            {"params": rest, "axes": ()},
        ],
        lr,
    )
