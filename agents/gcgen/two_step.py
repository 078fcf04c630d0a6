"""A search that looks two decisions ahead and decides by the potential alone, without the prior."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.common.decision import State, decide
from gcgen_env.model.chain import Chain

_BATCH = 4096
"""Number of states whose proposals are computed at once."""


@torch.no_grad()
def two_step_search(chain: Chain, goal: Tensor, single_use: bool = False) -> Tensor:
    """Find codes by greedy choices between pairs of decisions.

        a_h = argmax_a max_b Phi(x''_ab, g)

    where x''_ab follows on the choice of a and then b among the valid proposals; the last
    decision maximises Phi(x'_a, g).

    Args:
        chain: Makes the proposals.
        goal: g, shape (B, *S).
        single_use: Choose no proposal twice.

    Returns:
        The codes, shape (B, H), int64.
    """
    num = chain.propose(goal[:1], torch.zeros(1, dtype=torch.long)).log_prior.shape[1]  # A
    size = max(1, _BATCH // num)  # goals searched at once
    return torch.cat([_search(chain, each, single_use) for each in goal.split(size)])


def _search(chain: Chain, goal: Tensor, single_use: bool) -> Tensor:
    """Find the codes of a few goals."""
    canvas, codes = chain.dynamics.start(len(goal)), goal.new_zeros(len(goal), 0).long()
    for h in range(chain.horizon):
        state = State(canvas, goal, torch.full((len(goal),), h, device=goal.device))
        gain = _measure(chain, state, codes if single_use else codes[:, :0])  # (B, A)
        if h + 1 < chain.horizon:
            gain = gain + _look_further(chain, state, codes, gain.shape[1], single_use)
        action = gain.argmax(1)  # (B,)
        codes = torch.cat([codes, action.unsqueeze(1)], 1)  # (B, h + 1)
        canvas = chain.choose(canvas, state.step, action)
    return codes


def _look_further(chain: Chain, state: State, codes: Tensor, num: int, single_use: bool) -> Tensor:
    """Return the largest gain of the decision after each of A proposals, shape (B, A)."""
    action = torch.arange(num, device=codes.device).repeat(len(codes))  # (B A,)
    canvas, goal, step, codes = (
        each.repeat_interleave(num, 0) for each in (*state, codes)
    )  # (B A, ...)
    following = State(chain.choose(canvas, step, action), goal, step + 1)
    used = torch.cat([codes, action.unsqueeze(1)], 1) if single_use else codes[:, :0]
    return _measure(chain, following, used).amax(1).view(-1, num)


def _measure(chain: Chain, state: State, used: Tensor) -> Tensor:
    """Return the gains of all proposals in nats, shape (B, A), -inf for invalid and used ones.

    Args:
        chain: Makes the proposals.
        state: B states.
        used: Proposals that cannot be chosen, shape (B, n).
    """
    decision = decide(chain, chain.propose(state.canvas, state.step), state)
    gain = decision.gain.masked_fill(decision.log_prior == -torch.inf, -torch.inf)
    return gain.scatter(1, used, -torch.inf)
