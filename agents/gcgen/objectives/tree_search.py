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
"""Most proposals that the search expands."""
MOST_SHARE = 0.5
"""Largest share of the proposals that it expands: the values of bad images would be learned."""
EXPLORATION = 0.1
"""Share of decisions at which a roll-out chooses a valid proposal at random."""
TEMPERATURE = 2.0
"""Nats by which an expanded proposal is worse if the policy is to choose it exp(-1) as often."""
VALUES = 256
"""States whose values learn in each gradient step."""
CHOICES = 64
"""Decisions at which the policy learns in each gradient step."""
_TENSORS = [name for name in Decision._fields if name != "compress"]


class Searched(NamedTuple):
    """Decisions, and what the search has found there."""

    decision: Decision
    """B decisions."""
    q: Tensor
    """Q, shape (B, A), in nats, `INVALID_LOGIT` of invalid and unexpanded proposals."""


class TreeSearch(Objective):
    """Expert iteration with learned values at the leaves (Anthony et al., Silver et al., 2017).

        Q_a  = gain_a + max_b [gain_b(x'_a) + V(x''_ab, h + 2, g)]    for the top M proposals
        L    = E[ huber((V(x, h, g) - max_a Q_a) / sqrt(D)) ]
             + E[ cross-entropy of softmax(log q / T) and softmax(Q / T) ]

    The top M have the largest gain_a + V(x'_a, h + 1, g), with averaged weights of V. The values of
    the M next states learn from the inner maximum, too (TreeStrap: Veness et al., 2009). A roll-out
    follows the search, except for random choices. The policy is a `SearchPolicy`. The divergence
    from the prior is left out.
    """

    updates = 16

    def __init__(self, *args: Any) -> None:
        """Prepare one roll-out; see `Objective`."""
        super().__init__(*args)
        self.owner: Any = self.policy  # a `SearchPolicy`
        self.searched: list[Searched] = []  # one for each step, so the CPU knows h
        self.expanded: list[Searched] = []  # the states after the top M, with Q of one step

    @torch.no_grad()
    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Search, keep what was found, and return log q of the roll-out, shape (B, A)."""
        q = self._search(state, decision, is_last=len(self.searched) + 1 == self.chain.horizon)
        self.searched.append(Searched(decision, q))
        valid = (decision.log_prior > INVALID_LOGIT).float()
        random = valid / valid.sum(-1, keepdim=True)
        best = q.softmax(-1)  # in nats, and so close to the maximum
        return ((1 - EXPLORATION) * best + EXPLORATION * random).log().clamp_min(INVALID_LOGIT)

    def _search(self, state: State, decision: Decision, is_last: bool) -> Tensor:
        """Return Q, see `Searched`, and keep what was found in the expanded states."""
        first = self._look_ahead(decision)  # (B, A)
        if is_last:
            return first
        top = first.topk(self._width(first.shape[1])).indices  # (B, M)
        following = state.advance(self.chain, top)  # B M states
        x, _, h, used = following
        after = decide(self.chain, self.chain.propose(x, h, used=used), following)
        inner = self._look_ahead(after)  # (B M, A)
        self.expanded.append(Searched(after, inner))
        q = decision.gain.gather(1, top) + inner.amax(1).view_as(top)
        q = q.masked_fill(first.gather(1, top) <= INVALID_LOGIT, INVALID_LOGIT)
        return torch.full_like(first, INVALID_LOGIT).scatter(1, top, q)

    def _width(self, num: int) -> int:
        """Return M, given A."""
        return max(1, min(WIDTH, int(MOST_SHARE * num)))

    def _look_ahead(self, decision: Decision) -> Tensor:
        """Return gain_a + V(x'_a), shape (B, A), `INVALID_LOGIT` where invalid."""
        q = decision.gain + self.owner.averaged_values(decision)
        return q.masked_fill(decision.log_prior <= INVALID_LOGIT, INVALID_LOGIT)

    def loss(self, trajectories: Trajectories) -> Tensor:
        """Return the error of value and policy at decisions that are drawn anew each time."""
        self.owner.average()  # before each gradient step
        self.searched, self.expanded = _join(self.searched), _join(self.expanded)
        decision, q = self._draw([*self.searched, *self.expanded], VALUES)
        error = (self.owner.values.evaluate(decision) - q.amax(1)) / self.unit  # (B,)
        value = F.smooth_l1_loss(error, torch.zeros_like(error))
        decision, q = self._draw(self.searched, CHOICES)
        logits = self.selection.logits(decision, self.selection.embed(decision))  # (B, A)
        return value + F.cross_entropy(logits / TEMPERATURE, (q / TEMPERATURE).softmax(1))

    def _draw(self, tables: list[Searched], num: int) -> Searched:
        """Draw `num` decisions from tables, from each in proportion to its size."""
        sizes = [len(each.q) for each in tables]
        parts = []
        for table, size in zip(tables, sizes, strict=True):
            count = max(1, num * size // sum(sizes))
            index = torch.randint(size, (count,), generator=self.generator).to(table.q.device)
            parts.append(_take(table, index))
        return _join(parts)[0]


def _take(table: Searched, index: Tensor) -> Searched:
    """Return some decisions of a table."""
    taken: dict[str, Any] = {name: getattr(table.decision, name)[index] for name in _TENSORS}
    return Searched(table.decision._replace(**taken), table.q[index])


def _join(tables: list[Searched]) -> list[Searched]:
    """Join tables to one, in a list; it stays empty if there are none."""
    if len(tables) < 2:
        return tables
    decisions = [each.decision for each in tables]
    joined: dict[str, Any] = {
        name: torch.cat([getattr(each, name) for each in decisions]) for name in _TENSORS
    }
    return [Searched(decisions[0]._replace(**joined), torch.cat([each.q for each in tables]))]
