"""The optimiser of the S-agent."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from agents.gcgen.config import OptimizerName
from agents.gcgen.soap import SOAP
from gcgen_env.model.codebooks import CodebookHead, CodebookPrior
from gcgen_env.model.network import ProposalNetwork


def make_optimizer(
    name: OptimizerName, network: ProposalNetwork | None, lr: float, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Make the optimiser of a network; `GCGen` sets the learning rate in each round.

    SOAP rotates both sides of the layers' matrices, and of the matrices of the head, or of the
    prior of codebooks, the side of the features, in a basis that they share; these weights decay.
    Everything else is trained by Adam. Without a network there is nothing to optimise.
    """
    if network is None:
        return torch.optim.Adam([{"params": []}], lr)
    if name == "adam":
        is_fused = network.pixels.device.type in ("cpu", "cuda")  # one kernel for all weights
        return torch.optim.Adam(network.parameters(), lr, betas=(0.9, 0.99), fused=is_fused)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    groups: list[dict[str, Any]] = [{"params": [layer.weight for layer in layers], "axes": (0, 1)}]
    stack = network.prior_head if isinstance(network.prior_head, CodebookPrior) else network.head
    assert not isinstance(stack, CodebookHead)
    groups.append({"params": [stack.weight], "axes": (stack.feature_axis,)})
    rotated = {id(weight) for each in groups for weight in each["params"]}
    rest = [weight for weight in network.parameters() if id(weight) not in rotated]
    decaying = [{**each, "weight_decay": weight_decay} for each in groups]
    return SOAP([*decaying, {"params": rest, "axes": ()}], lr)
