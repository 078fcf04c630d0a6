"""The optimiser of the S-agent."""

from __future__ import annotations

import torch
from torch import nn

from agents.gcgen.config import OptimizerName
from agents.gcgen.soap import SOAP
from gcgen_env.model.network import ProposalNetwork


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
