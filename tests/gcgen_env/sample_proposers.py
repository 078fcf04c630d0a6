"""Proposers for tests: peaked priors, records of calls, wrong results, convolutions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gcgen_env.model.chain import Chain
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.s_agent import SAgent


def with_convolutions(agent: SAgent) -> SAgent:
    """Return a fresh S-agent of the same sizes, with the body of those of earlier versions."""
    config = replace(agent.network.config, body="conv")
    chain = Chain(ProposalNetwork(config), agent.chain.dynamics, agent.likelihood)
    return SAgent(chain, agent.metadata)


class OnlyPropose:
    """A proposer with `propose` alone; its prior is peaked and depends on canvas and step."""

    def __init__(self, shape=(1, 8, 8), num_proposals=16, horizon=8, sharpness=3.0):
        self._dictionary = DictionaryProposer(shape, num_proposals, horizon)
        self._phases = torch.arange(num_proposals).float()  # (A,)
        self._sharpness = sharpness

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        delta, _ = self._dictionary.propose(canvas, step)
        return delta, self._log_prior(canvas, step)

    def _log_prior(self, canvas: Tensor, step: Tensor) -> Tensor:
        turn = 20 * canvas.flatten(1).mean(1) + step  # (B,)
        scale = self._sharpness * (1 + step % 3)  # sharper and flatter by turns
        logits = scale[:, None] * torch.cos(self._phases + turn[:, None])
        return logits.log_softmax(-1)


class CountingProposer(OnlyPropose):
    """Has the optional methods, and records its calls and the steps in them."""

    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.calls: list[str] = []
        self.steps: list[int] = []

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        self._record("propose", step)
        return super().propose(canvas, step)

    def prior(self, canvas: Tensor, step: Tensor) -> Tensor:
        self._record("prior", step)
        return self._log_prior(canvas, step)

    def propose_rows(self, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
        self._record("propose_rows", step)
        return self._dictionary.propose_rows(canvas, step, action)

    def _record(self, name: str, step: Tensor) -> None:
        self.calls.append(name)
        self.steps += step.tolist()


class ChangedProposer(OnlyPropose):
    """A proposer whose result is changed by a function of both tensors."""

    def __init__(self, change: Callable[[Tensor, Tensor], Any], **sizes):
        super().__init__(**sizes)
        self._change = change

    def propose(self, canvas: Tensor, step: Tensor) -> Any:
        return self._change(*super().propose(canvas, step))
