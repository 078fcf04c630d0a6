"""Tree search: policy and value learn what a search that ends in learned values finds."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.common.decision import INVALID_LOGIT, Decision, State, decide
from agents.gcgen.objectives.base import Objective
from agents.gcgen.rollout import Trajectories

WIDTH = 4
"""M, the number of proposals that the search expands."""
EXPLORATION = 0.2
"""Share of decisions at which a roll-out chooses a valid proposal at random."""
TEMPERATURE = 2.0
"""Nats by which an expanded proposal is worse if the policy is to choose it exp(-1) as often."""
BATCH = 64
"""Decisions in each gradient step."""
_TENSORS = [name for name in Decision._fields if name != "compress"]


class Searched(NamedTuple):
    """Decisions of one step, and what the search has found there."""

    decision: Decision
    """B decisions."""
    q: Tensor
    """Q of the expanded proposals, shape (B, A), in nats, `INVALID_LOGIT` elsewhere."""


class TreeSearch(Objective):
    """Expert iteration with learned values at the leaves (Anthony et al., Silver et al., 2017).

        Q_a  = gain_a + max_b [gain_b(x'_a) + V(x''_ab, h + 2, g)]    for the top M proposals
        L    = E[ huber(V(x, h, g) - max_a Q_a) ] / sqrt(D)
             + E[ cross-entropy of q and softmax(Q / temperature) ]

    The top M have the largest gain_a + V(x'_a, h + 1, g), with averaged weights of V. A roll-out
    follows the policy, a `SearchPolicy`, so that it learns in the states that it reaches, except
    for random choices. The divergence from the prior is left out.
    """

    updates = 16

    def __init__(self, *args: Any) -> None:
        """Prepare one roll-out; see `Objective`."""
        super().__init__(*args)
        self.owner: Any = self.policy  # a `SearchPolicy`
        self.searched: list[Searched] = []

    @torch.no_grad()
    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Search, keep what was found, and return the policy's log q, shape (B, A)."""
        q = self._search(state, decision)
        self.searched.append(Searched(decision, q))
        valid = (decision.log_prior > INVALID_LOGIT).float()
        random = valid / valid.sum(-1, keepdim=True)
        own = super().__call__(state, decision).exp()
        return ((1 - EXPLORATION) * own + EXPLORATION * random).log().clamp_min(INVALID_LOGIT)

    def _search(self, state: State, decision: Decision) -> Tensor:
        """Return Q, shape (B, A), in nats; `INVALID_LOGIT` of invalid and unexpanded proposals."""
        first = self._look_ahead(decision)  # (B, A)
        if int(state.step[0]) + 1 == self.chain.horizon:  # all B states are at one step
            return first
        top = first.topk(min(WIDTH, first.shape[1])).indices  # (B, M)
        following = state.advance(self.chain, top)  # B M states
        x, _, h, used = following
        after = decide(self.chain, self.chain.propose(x, h, used=used), following)
        q = decision.gain.gather(1, top) + self._look_ahead(after).amax(1).view_as(top)
        q = q.masked_fill(first.gather(1, top) <= INVALID_LOGIT, INVALID_LOGIT)
        return torch.full_like(first, INVALID_LOGIT).scatter(1, top, q)

    def _look_ahead(self, decision: Decision) -> Tensor:
        """Return gain_a + V(x'_a), shape (B, A), `INVALID_LOGIT` where invalid."""
        q = decision.gain + self.owner.averaged_values(decision)
        return q.masked_fill(decision.log_prior <= INVALID_LOGIT, INVALID_LOGIT)

    def loss(self, trajectories: Trajectories) -> Tensor:
        """Return the error of value and policy at decisions that are drawn anew each time."""
        self.owner.average()  # before each gradient step
        decision, q = self._draw()
        error = (self.owner.values.evaluate(decision) - q.amax(1)) / self.unit  # (B,)
        value = F.smooth_l1_loss(error, torch.zeros_like(error))
        logits = self.selection.logits(decision, self.selection.embed(decision))  # (B, A)
        return value + F.cross_entropy(logits / TEMPERATURE, (q / TEMPERATURE).softmax(1))

    def _draw(self) -> Searched:
        """Draw some decisions of the roll-out."""
        if len(self.searched) > 1:  # join the steps once
            joined: dict[str, Any] = {
                name: torch.cat([getattr(each.decision, name) for each in self.searched])
                for name in _TENSORS
            }
            decision = self.searched[0].decision._replace(**joined)
            self.searched = [Searched(decision, torch.cat([each.q for each in self.searched]))]
        decision, q = self.searched[0]
        index = torch.randint(len(q), (BATCH,), generator=self.generator).to(q.device)
        drawn: dict[str, Any] = {name: getattr(decision, name)[index] for name in _TENSORS}
        return Searched(decision._replace(**drawn), q[index])
