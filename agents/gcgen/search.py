"""Search at encoding time: a better q than the GC-agent's own, at the cost of more proposals.

A roll-out uses a search as its GC-agent and records its q, so the bound is still valid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.common.decision import INVALID_LOGIT, Decision, State, decide
from agents.common.selection import Selection
from gcgen_env.memory import check_memory
from gcgen_env.model.chain import Chain

INNER_WIDTH = 4
"""Number of proposals of a next state that a three-step search expands."""
_BATCH = 256
"""Number of states whose proposals are computed at once: memory does not grow with the width."""


class SoftSearch:
    """Enumerates N decisions after the M most probable proposals of the GC-agent.

        q(a|x,h,g) ∝ p_S(a|x,h) exp( beta_h [Phi(x'_a, g) - Phi(x, g) + V_N(x'_a)] )
        V_n(x')    = log sum_b p_S(b|x',h+1) exp( Phi(x''_b, g) - Phi(x', g) + V_{n-1}(x''_b) )

    with V_0 = 0 and V_n(x_H) = 0. V_N is the soft value of the task if it ended after N more
    decisions, and takes the place of the learned score. The logits of the other proposals are
    shifted by the q-weighted mean improvement of the top M, so that q > 0 wherever p_S > 0 and
    the importance-weighted bound still tends to the exact value. V_n expands only the
    `INNER_WIDTH` most probable b. If the GC-agent does not use the prior, p_S is uniform over the
    valid proposals here.
    """

    def __init__(self, agent: Selection, chain: Chain, width: int = 8, steps: int = 1) -> None:
        """Store the GC-agent, its chain, M and N."""
        self.agent = agent
        self.chain = chain
        self.width = width
        self.steps = steps

    @torch.no_grad()
    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Return normalised log q(a | x, h, g), shape (B, A), in nats."""
        beta = self.agent.temperature(decision.progress)  # (B, 1)
        return self.improve(state, decision, self.agent(state, decision), beta)

    @torch.no_grad()
    def improve(self, state: State, decision: Decision, log_q: Tensor, beta: Tensor) -> Tensor:
        """Return the search's log q, shape (B, A), given the GC-agent's own and beta_h."""
        top = log_q.topk(min(self.width, log_q.shape[1])).indices  # (B, M)
        has_prior = self.agent.config.prior
        value = compute_soft_values(self.chain, state, top, self.steps, has_prior)  # (B, M)
        reward = decision.gain.gather(1, top) + value  # (B, M), in nats
        log_prior = decision.log_prior if has_prior else _level(decision.log_prior).log_softmax(-1)
        known = log_prior.gather(1, top) + beta * reward  # (B, M)
        return _replace(log_q, top, known).log_softmax(-1)


@torch.no_grad()
def compute_soft_values(
    chain: Chain, state: State, action: Tensor, steps: int = 1, prior: bool = True
) -> Tensor:
    """Compute V_n(x'_a) of some of the next states by enumerating what follows them.

    Args:
        chain: Makes the proposals.
        state: B states.
        action: Which of their proposals, shape (B, M).
        steps: n; exact for 1, and for more if A is at most `INNER_WIDTH`.
        prior: Use log p_S; False uses a uniform prior over the valid proposals.

    Returns:
        The soft values, shape (B, M), in nats; zero at the last decision.
    """
    ended = (state.step + 1 == chain.horizon).repeat_interleave(action.shape[1])  # (B M,)
    if ended.all():  # V(x_H) = 0
        return torch.zeros(action.shape, device=action.device)
    reached = state.advance(chain, action)  # B M states
    reached = reached._replace(step=reached.step.clamp_max(chain.horizon - 1))  # where ended
    values = []
    for next_state in reached.split(_BATCH):
        x, _, h, used = next_state
        after = decide(chain, chain.propose(x, h, used=used), next_state)
        log_prior = after.log_prior if prior else _level(after.log_prior).log_softmax(-1)
        logits = (log_prior + after.gain).clamp_min(INVALID_LOGIT)  # -inf - -inf is NaN
        if steps > 1:
            best, top = logits.topk(min(INNER_WIDTH, logits.shape[1]))
            known = best + compute_soft_values(chain, next_state, top, steps - 1, prior)
            logits = _replace(logits, top, known)
        values.append(logits.logsumexp(-1))  # V_n
    return torch.cat(values).masked_fill(ended, 0.0).view_as(action)  # (B, M)


def _replace(logits: Tensor, top: Tensor, known: Tensor) -> Tensor:
    """Replace the top logits, and shift the others by the mean improvement of the top ones.

    Args:
        logits: Shape (B, A).
        top: Which are replaced, shape (B, M).
        known: By what, shape (B, M).
    """
    known = known.clamp_min(INVALID_LOGIT)  # fewer than M proposals may be valid
    best = logits.gather(1, top)  # (B, M)
    rise = (best.softmax(-1) * (known - best)).sum(-1, keepdim=True)  # (B, 1)
    return (logits + rise).scatter(1, top, known)  # (B, A)


class FixedCodes:
    """The deterministic q of given codes."""

    def __init__(self, codes: Tensor) -> None:
        """Store the codes, shape (B, H)."""
        self.codes = codes

    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Return log q, shape (B, A): 0 for the given choices, `INVALID_LOGIT` elsewhere."""
        chosen = self.codes.gather(1, state.step.unsqueeze(1))  # (B, 1)
        return torch.full_like(decision.log_prior, INVALID_LOGIT).scatter(1, chosen, 0.0)


@torch.no_grad()
def beam_search(
    chain: Chain,
    goal: Tensor,
    width: int = 8,
    canvas: Tensor | None = None,
    first: int = 0,
    prior: bool = True,
    used: Tensor | None = None,
) -> Tensor:
    """Find codes of high log p_S(tau) + log p(g | x_H) by beam search.

    It keeps the `width` partial paths of largest log p_S(a_0 .. a_h) + Phi(x_{h+1}, g). The bound
    of a q that selects the best path with certainty is -log p_S(tau) - log p(g | x_H).

    Args:
        chain: Makes the proposals.
        goal: g, shape (B, *S).
        width: Number of partial paths kept for each goal.
        canvas: Canvases at which the paths start, shape (B, *S); None for x_0.
        first: The step at which they start.
        prior: Use log p_S; False finds codes of high log p(g | x_H) alone, among valid ones.
        used: Proposals that cannot be chosen again, shape (B, A), bool; None if all can.

    Returns:
        The best codes found, shape (B, H - first), int64.

    Raises:
        MemoryError: If the paths of one goal would not fit in memory.
    """
    _check_beam(chain, width, chain.horizon - first)
    start = chain.dynamics.start(len(goal)) if canvas is None else canvas  # (B, *S)
    step = torch.full((len(goal),), first, device=goal.device)  # (B,)
    begin = State(start, goal, step, used)
    size = max(1, _BATCH // width)  # goals searched at once
    return torch.cat([_search_beam(chain, part, width, first, prior) for part in begin.split(size)])


def _check_beam(chain: Chain, width: int, length: int) -> None:
    """Raise a MemoryError unless all next states of the widest beam fit in memory."""
    canvas, step = chain.dynamics.start(1), torch.zeros(1, dtype=torch.long, device=chain.device)
    changes = chain.propose(canvas, step)  # of one path
    a = changes.log_prior.shape[1]
    paths = 1  # kept before the last decision: A^(length - 1), or fewer
    for _ in range(length - 1):
        paths = min(width, paths * a)
    size = paths * (a * changes.x.nbytes + canvas.nbytes)  # bytes
    check_memory(size, f"a beam search of width {width:,} would", "use a smaller width")


def _search_beam(chain: Chain, state: State, width: int, first: int, prior: bool) -> Tensor:
    """Search for the codes of a few goals, from states at one step."""
    canvas, goal, _, used = state
    num, kept, index = len(goal), 1, torch.arange(len(goal), device=goal.device)
    codes = torch.zeros(num, 1, 0, dtype=torch.long, device=goal.device)  # (B, W, h)
    log_prior = torch.zeros(num, 1, device=goal.device)  # of the kept paths, (B, W)
    for h in range(first, chain.horizon):
        step = torch.full((num * kept,), h, device=goal.device)  # (B W,)
        state = State(canvas, goal.repeat_interleave(kept, 0), step, used)
        decision = decide(chain, chain.propose(canvas, step, used=used), state)
        cost = decision.log_prior if prior else _level(decision.log_prior)  # (B W, A)
        path = log_prior.view(-1, 1) + cost  # (B W, A)
        potential = chain.likelihood.log_prob(canvas, state.goal).unsqueeze(1) + decision.gain
        a = path.shape[1]
        total = (path + potential).view(num, kept * a)  # (B, W A)
        top = total.topk(min(width, kept * a)).indices  # (B, W')
        parent, action = top // a, top % a  # both (B, W')
        log_prior = path.view(num, kept * a).gather(1, top)  # (B, W')
        origin = (parent + kept * index.unsqueeze(1)).flatten()  # (B W',), into B W
        canvas = chain.choose(canvas[origin], step[origin], action.flatten())  # (B W', *S)
        used = chain.use(None if used is None else used[origin], action.flatten())  # (B W', A)
        earlier = codes.flatten(0, 1)[origin].view(*top.shape, -1)  # (B, W', h)
        codes, kept = torch.cat([earlier, action.unsqueeze(-1)], dim=2), top.shape[1]
    likelihood = chain.likelihood.log_prob(canvas, goal.repeat_interleave(kept, 0))  # (B W,)
    best = (log_prior + likelihood.view(num, kept)).argmax(1)  # (B,)
    return codes[index, best]  # (B, H - first)


def _level(log_prior: Tensor) -> Tensor:
    """Return a constant prior: 0 where a proposal is valid, -inf elsewhere."""
    return torch.zeros_like(log_prior).masked_fill(log_prior == -torch.inf, -torch.inf)
