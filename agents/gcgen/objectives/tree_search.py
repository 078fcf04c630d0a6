"""Tree search: the values of a policy learn what a search that ends in them finds."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.common.decision import INVALID_LOGIT, Decision, State, decide
from agents.gcgen.objectives.base import Objective
from agents.gcgen.rollout import Trajectories

WIDTH = 4
"""M, the number of proposals that the search expands."""
EXPLORATION = 0.1
"""Share of decisions at which a roll-out chooses a valid proposal at random."""
BATCH = 256
"""States in each gradient step."""


class Targets(NamedTuple):
    """States and what their values should be."""

    image: Tensor
    """m(x), shape (B, D)."""
    goal: Tensor
    """g, shape (B, D)."""
    progress: Tensor
    """h / H, shape (B, 1)."""
    value: Tensor
    """max_a Q of the search, shape (B,), in nats."""


class TreeSearch(Objective):
    """Expert iteration (Anthony et al., 2017) with learned values at the leaves.

        Q_a  = gain_a + max_b [gain_b(x'_a) + V(x''_ab, h + 2, g)]    for the top M proposals
        L    = E[ huber(V(x, h, g) - max_a Q_a) ]

    The top M have the largest gain_a + V(x'_a, h + 1, g). The states x of the roll-out learn, and
    so do the next states x'_a that the search has expanded (TreeStrap: Veness et al., 2009); their
    target is the inner maximum. A roll-out follows the search, except for random choices. The
    policy, a `ValuePolicy`, looks one step ahead with the same V, so it needs no loss of its own.
    The divergence from the prior is left out.
    """

    updates = 8

    def __init__(self, *args: Any) -> None:
        """Prepare one roll-out; see `Objective`."""
        super().__init__(*args)
        self.next_values = self.policy.next_values  # type: ignore[attr-defined]
        self.targets: list[Targets] = []
        self._joined: Targets | None = None

    @torch.no_grad()
    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Search, store what the values should be, and return log q of the roll-out, (B, A)."""
        q = self._search(state, decision)
        self.targets.append(
            Targets(decision.image, decision.goal, decision.progress, q.amax(1))
        )
        best = q.log_softmax(-1).exp()  # a softmax in nats is close to the maximum
        valid = (decision.log_prior > INVALID_LOGIT).float()
        random = valid / valid.sum(-1, keepdim=True)
        return ((1 - EXPLORATION) * best + EXPLORATION * random).log().clamp_min(INVALID_LOGIT)

    def _search(self, state: State, decision: Decision) -> Tensor:
        """Return Q, shape (B, A), in nats; `INVALID_LOGIT` of invalid and unexpanded proposals."""
        first = self._look_ahead(decision)  # (B, A)
        if int(state.step[0]) + 1 == self.chain.horizon:  # all B states are at one step
            return first
        top = first.topk(min(WIDTH, first.shape[1])).indices  # (B, M)
        following = self._advance(state, top)
        proposals = self.chain.propose(following.canvas, following.step, used=following.used)
        after = decide(self.chain, proposals, following)
        value = self._look_ahead(after).amax(1)  # (B M,)
        self.targets.append(Targets(after.image, after.goal, after.progress, value))
        q = (decision.gain.gather(1, top) + value.view_as(top)).clamp_min(INVALID_LOGIT)
        q = q.masked_fill(first.gather(1, top) <= INVALID_LOGIT, INVALID_LOGIT)
        return torch.full_like(first, INVALID_LOGIT).scatter(1, top, q)

    def _look_ahead(self, decision: Decision) -> Tensor:
        """Return gain_a + V(x'_a), shape (B, A), `INVALID_LOGIT` where invalid."""
        q = decision.gain + self.next_values(decision)
        return q.masked_fill(decision.log_prior <= INVALID_LOGIT, INVALID_LOGIT)

    def _advance(self, state: State, action: Tensor) -> State:
        """Return the states after some proposals (B, M) of B states, as B M states."""
        num = action.shape[1]
        canvas, goal, step, used = (
            None if each is None else each.repeat_interleave(num, 0) for each in state
        )
        canvas = self.chain.choose(canvas, step, action.flatten())
        return State(canvas, goal, step + 1, self.chain.use(used, action.flatten()))

    def loss(self, trajectories: Trajectories) -> Tensor:
        """Return the error of the values on a random part of the targets."""
        if self._joined is None:
            self._joined = Targets(*(torch.cat(each) for each in zip(*self.targets, strict=True)))
        num = len(self._joined.value)
        index = torch.randint(num, (min(BATCH, num),), generator=self.generator)
        image, goal, progress, target = (each[index.to(each.device)] for each in self._joined)
        value = self.next_values.evaluate(image, goal, progress)
        return F.smooth_l1_loss(value / self.unit, target / self.unit)
