"""A search that looks two decisions ahead and decides by the potential alone, without the prior."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.common.decision import State, decide
from gcgen_env.model.chain import Chain

_BATCH = 4096
"""Number of states whose proposals are computed at once."""


@torch.no_grad()
def two_step_search(chain: Chain, goal: Tensor) -> Tensor:
    """Find codes by greedy choices between pairs of decisions.

        a_h = argmax_a max_b Phi(x''_ab, g)

    where x''_ab follows on the choice of a and then b among the valid proposals; the last
    decision maximises Phi(x'_a, g).

    Args:
        chain: Makes the proposals.
        goal: g, shape (B, *S).

    Returns:
        The codes, shape (B, H), int64.
    """
    size = max(1, _BATCH // chain.num_proposals)  # goals searched at once
    return torch.cat([_search(chain, each) for each in goal.split(size)])


def _search(chain: Chain, goal: Tensor) -> Tensor:
    """Find the codes of a few goals."""
    canvas, used, codes = chain.dynamics.start(len(goal)), None, []
    for h in range(chain.horizon):
        step = torch.full((len(goal),), h, device=goal.device)
        state = State(canvas, goal, step, used)
        gain = _measure(chain, state)  # (B, A)
        if h + 1 < chain.horizon:
            gain = gain + _look_further(chain, state, gain.shape[1])
        codes.append(gain.argmax(1))  # (B,)
        canvas, used = chain.choose(canvas, step, codes[-1]), chain.use(used, codes[-1])
    return torch.stack(codes, 1)


def _look_further(chain: Chain, state: State, num: int) -> Tensor:
    """Return the largest gain of the decision after each of A proposals, shape (B, A)."""
    every = torch.arange(num, device=state.step.device).expand(len(state.step), num)  # (B, A)
    return _measure(chain, state.advance(chain, every)).amax(1).view(-1, num)


def _measure(chain: Chain, state: State) -> Tensor:
    """Return the gains of all proposals in nats, shape (B, A), -inf where invalid."""
    decision = decide(chain, chain.propose(state.canvas, state.step, used=state.used), state)
    return decision.gain.masked_fill(decision.log_prior == -torch.inf, -torch.inf)
