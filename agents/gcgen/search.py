"""Search at encoding time: a better q than the GC-agent's own, paid for with more proposals.

All searches are `Selector`s, so that a roll-out records their q and the bound stays one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.common.selection import INVALID_LOGIT
from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.rollout import Decision, decide
from gcgen_env.model.chain import Chain

SEARCHES = ("none", "two_step", "three_step", "beam")
STEPS = {"two_step": 1, "three_step": 2}
"""Decisions that a search by soft values looks behind a proposal."""
INNER_WIDTH = 4
"""Proposals of a next state that a three-step search looks behind."""
_ROWS = 256
"""States whose proposals are computed at once, so that memory does not grow with the width."""


def check_search(search: str, width: int) -> None:
    """Raise a ValueError unless a search of this name and width exists."""
    if search not in SEARCHES:
        raise ValueError(f"search must be one of {', '.join(SEARCHES)}; got {search!r}")
    if width < 1:
        raise ValueError(f"width must be at least 1, got {width}")


class SoftSearch:
    """Looks N decisions behind the M proposals that the GC-agent likes best.

        q(a|x,h,g) ∝ p_S(a|x,h) exp( beta_h [Phi(x'_a, g) - Phi(x, g) + V_N(x'_a)] )
        V_n(x')    = log sum_b p_S(b|x',h+1) exp( Phi(x''_b, g) - Phi(x', g) + V_{n-1}(x''_b) )

    with V_0 = 0 and V_n(x_H) = 0: the soft value of a task that ends N decisions later, where it
    is known in place of the GC-agent's learned score. The other proposals keep the GC-agent's
    logits, raised by what those of the M rose on average over its q: so q > 0 wherever p_S > 0,
    the importance-weighted bound still tends to the exact value, and a broad q, which costs
    little, stays broad. In the same way V_n looks behind the `INNER_WIDTH` best b alone. For a
    GC-agent that does not weigh the prior, p_S is uniform over the valid proposals here.
    """

    def __init__(self, agent: GCAgent, width: int = 8, steps: int = 1) -> None:
        """Note the GC-agent, M and N."""
        self.agent = agent
        self.width = width
        self.steps = steps

    @torch.no_grad()
    def __call__(self, decision: Decision) -> Tensor:
        """Return normalised log q(a | x, h, g), shape (B, A), in nats."""
        beta = self.agent.temperature(decision.step)
        return improve(self.agent, decision, self.agent(decision), self.width, beta, self.steps)


@torch.no_grad()
def improve(
    agent: GCAgent, decision: Decision, log_q: Tensor, width: int, beta: Tensor, steps: int = 1
) -> Tensor:
    """Return the search's log q, shape (B, A), given the GC-agent's own and beta_h."""
    top = log_q.topk(min(width, log_q.shape[1])).indices  # (B, M)
    weighed = agent.policy.selection.prior
    value = compute_soft_values(agent.chain, decision, top, steps, weighed)
    reward = decision.gain.gather(1, top) + value
    log_prior = decision.log_prior if weighed else _level(decision.log_prior).log_softmax(-1)
    known = log_prior.gather(1, top) + beta * reward
    return _replace(log_q, top, known).log_softmax(-1)


@torch.no_grad()
def compute_soft_values(
    chain: Chain, decision: Decision, action: Tensor, steps: int = 1, prior: bool = True
) -> Tensor:
    """Compute V_n(x'_a) of some of the next states by enumerating what follows them.

    Args:
        chain: Offers the proposals.
        decision: B states.
        action: Which of their proposals, shape (B, M).
        steps: n; exact for 1, and for more if A is at most `INNER_WIDTH`.
        prior: Weigh log p_S; False takes all valid proposals to be as likely.

    Returns:
        The soft values, shape (B, M), in nats; zero at the last decision.
    """
    num, step = action.shape[1], decision.step.repeat_interleave(action.shape[1])
    ended = step + 1 == chain.horizon
    if ended.all():
        return torch.zeros(action.shape, device=action.device)
    goal = decision.goal.repeat_interleave(num, 0)
    canvas = chain.choose(decision.canvas.repeat_interleave(num, 0), step, action.flatten())
    following = (step + 1).clamp_max(chain.horizon - 1)
    values = []
    for x, g, h in zip(canvas.split(_ROWS), goal.split(_ROWS), following.split(_ROWS), strict=True):
        after = decide(chain, chain.offer(x, h), x, g, h)
        log_prior = after.log_prior if prior else _level(after.log_prior).log_softmax(-1)
        logits = (log_prior + after.gain).clamp_min(INVALID_LOGIT)
        if steps > 1:
            best, top = logits.topk(min(INNER_WIDTH, logits.shape[1]))
            known = best + compute_soft_values(chain, after, top, steps - 1, prior)
            logits = _replace(logits, top, known)
        values.append(logits.logsumexp(-1))
    return torch.cat(values).masked_fill(ended, 0.0).view_as(action)


def _replace(logits: Tensor, top: Tensor, known: Tensor) -> Tensor:
    """Put better logits in place of the top ones, and raise the others by their average rise.

    Args:
        logits: Shape (B, A).
        top: Which are replaced, shape (B, M).
        known: By what, shape (B, M).
    """
    known = known.clamp_min(INVALID_LOGIT)  # fewer than M proposals may be valid
    best = logits.gather(1, top)
    rise = (best.softmax(-1) * (known - best)).sum(-1, keepdim=True)
    return (logits + rise).scatter(1, top, known)


class FixedCodes:
    """The q that is certain of given choices."""

    def __init__(self, codes: Tensor, first: int = 0) -> None:
        """Note the codes, shape (B, h), and the step of their first column."""
        self.codes = codes
        self.first = first

    def __call__(self, decision: Decision) -> Tensor:
        """Return log q, shape (B, A): 0 for the given choices, `INVALID_LOGIT` elsewhere."""
        chosen = self.codes[:, int(decision.step[0]) - self.first].unsqueeze(1)
        return torch.full_like(decision.log_prior, INVALID_LOGIT).scatter(1, chosen, 0.0)


@torch.no_grad()
def beam_search(
    chain: Chain,
    goal: Tensor,
    width: int = 8,
    canvas: Tensor | None = None,
    first: int = 0,
    prior: bool = True,
) -> Tensor:
    """Find codes of high log p_S(tau) + log p(g | x_H): those of a deterministic q.

    Keeps the `width` partial paths of largest log p_S(a_0 .. a_h) + Phi(x_{h+1}, g). The bound
    of q = 1 on the best path is -log p_S(tau) - log p(g | x_H).

    Args:
        chain: Offers the proposals.
        goal: g, shape (B, *S).
        width: Paths kept of each goal.
        canvas: Where the paths start, shape (B, *S); None for x_0.
        first: The step they start at.
        prior: Weigh log p_S; False finds codes of high log p(g | x_H) alone, among valid ones.

    Returns:
        The best codes found, shape (B, H - first), int64.
    """
    start = chain.dynamics.start(len(goal)) if canvas is None else canvas
    size = max(1, _ROWS // width)
    return torch.cat(
        [
            _search_beam(chain, g, width, x, first, prior)
            for g, x in zip(goal.split(size), start.split(size), strict=True)
        ]
    )


def _search_beam(
    chain: Chain, goal: Tensor, width: int, canvas: Tensor, first: int, prior: bool
) -> Tensor:
    """Search for the codes of a few goals."""
    num, kept = len(goal), 1
    codes = torch.zeros(num, 1, 0, dtype=torch.long, device=goal.device)  # (B, W, h)
    log_prior = torch.zeros(num, 1, device=goal.device)
    for h in range(first, chain.horizon):
        goals = goal.repeat_interleave(kept, 0)
        step = torch.full((num * kept,), h, device=goal.device)
        decision = decide(chain, chain.offer(canvas, step), canvas, goals, step)
        cost = decision.log_prior if prior else _level(decision.log_prior)
        path = log_prior.view(-1, 1) + cost  # (B W, A)
        potential = chain.likelihood.log_prob(canvas, goals).unsqueeze(1) + decision.gain
        a = path.shape[1]
        total = (path + potential).view(num, kept * a)
        top = total.topk(min(width, kept * a)).indices  # (B, W')
        parent, action = top // a, top % a
        log_prior = path.view(num, kept * a).gather(1, top)
        origin = (parent + kept * torch.arange(num, device=goal.device).unsqueeze(1)).flatten()
        canvas = chain.choose(canvas[origin], step[origin], action.flatten())
        codes = torch.cat(
            [codes.flatten(0, 1)[origin].view(*top.shape, -1), action.unsqueeze(-1)], dim=2
        )
        kept = top.shape[1]
    likelihood = chain.likelihood.log_prob(canvas, goal.repeat_interleave(kept, 0))
    best = (log_prior + likelihood.view(num, kept)).argmax(1)
    return codes[torch.arange(num, device=goal.device), best]


def _level(log_prior: Tensor) -> Tensor:
    """Return zeros where a proposal is valid, -inf elsewhere."""
    return torch.zeros_like(log_prior).masked_fill(log_prior == -torch.inf, -torch.inf)
