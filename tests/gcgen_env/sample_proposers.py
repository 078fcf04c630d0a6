"""Proposers made for tests: a peaked prior, a count of calls, the least a proposer can be."""

import torch
from torch import Tensor

from gcgen_env.model.dictionary import DictionaryProposer


class OnlyPropose:
    """The least a proposer can be; its prior is peaked and depends on canvas and step."""

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
    """Has the optional methods, and remembers every step it was asked about."""

    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.steps: list[int] = []

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        self.steps += step.tolist()
        return super().propose(canvas, step)

    def prior(self, canvas: Tensor, step: Tensor) -> Tensor:
        self.steps += step.tolist()
        return self._log_prior(canvas, step)

    def propose_rows(self, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
        self.steps += step.tolist()
        return self._dictionary.propose_rows(canvas, step, action)
