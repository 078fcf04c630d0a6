"""The S-agent's chain in float64, by which both sides of the codec know the probabilities."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.model.fixed_batches import split_fixed
from gcgen_env.model.s_agent import SAgent

BATCH = 256
"""Number of states whose probabilities are computed at once, on both sides."""

Choose = Callable[[int, NDArray[np.float64]], NDArray[np.int64]]
"""Maps h and log p_S (B, A) to choices (B,)."""


class ExactChain:
    """Walks through codes and reports log p_S of every decision.

    It computes in float64, on the CPU, in batches of one size. On one machine all of its numbers
    are exactly reproduced; between machines they differ by about 1e-15, which `frequencies` and
    `residual` round away.
    """

    def __init__(self, s_agent: SAgent) -> None:
        """Copy the S-agent in float64."""
        double = copy.deepcopy(s_agent).to("cpu")
        proposer, dynamics = double.chain.proposer, double.chain.dynamics
        if double.can_learn:
            proposer = proposer.to(torch.float64)
        dynamics = replace(dynamics, initial=dynamics.initial.double(), rate=dynamics.rate.double())
        self.chain = replace(double.chain, proposer=proposer, dynamics=dynamics)

    @torch.no_grad()
    def walk(self, num: int, steps: int, choose: Choose) -> Tensor:
        """Make the first decisions of codes.

        Args:
            num: B, the number of codes.
            steps: h, the number of decisions.
            choose: Called once for each decision.

        Returns:
            The canvases x_h, shape (B, *S), float64.
        """
        canvas = self.chain.dynamics.start(num)  # (B, *S)
        for h in range(steps):
            batches = [
                self.chain.propose(part, torch.full((BATCH,), h), need_all=False)
                for part in split_fixed(canvas, BATCH)
            ]
            log_prior = torch.cat([each.log_prior for each in batches])[:num]  # (B, A)
            action = torch.from_numpy(choose(h, log_prior.numpy()))  # (B,)
            delta = torch.cat(
                [
                    each.chosen(part)
                    for each, part in zip(batches, split_fixed(action, BATCH), strict=True)
                ]
            )[:num]  # (B, *S)
            canvas = self.chain.dynamics.advance(canvas, delta, torch.full((num,), h))
        return canvas


def hash_s_agent(s_agent: SAgent) -> str:
    """Return the SHA-256 of what decides the probabilities: sizes and weights, not the origin."""
    document, tensors = s_agent.pack()
    document = {key: value for key, value in document.items() if key != "metadata"}
    found = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name].detach().cpu().contiguous().numpy()
        found.update(f"{name}{array.dtype.str}{array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()
