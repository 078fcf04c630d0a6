"""Expert iteration: a search looks further, and the GC-agent learns to do without it."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.objectives.base import Objective
from agents.gcgen.rollout import Decision, Path
from agents.gcgen.search import improve

EXPERT_STEPS = 3
"""Decisions of each roll-out at which the expert is asked."""
EXPERT_WIDTH = 4
"""Proposals that the expert looks behind."""


class ExpertIteration(Objective):
    """Distils a two-step search q_E (Anthony et al., 2017) at a few decisions of each path.

        L = E[ sum_{h asked} KL( q(.|x_h, h, g) || q_E(.|x_h, h, g) ) ]
            + E[ mean_h (V_h - G_h)^2 ] / D

    The divergence is taken in the direction of the bound, so that q learns to spend its
    probability where the expert sees reward, rather than to cover all that the expert likes;
    every proposal gets a signal, not only the one that was drawn.
    """

    def __init__(self, agent: GCAgent, num_paths: int, generator: torch.Generator) -> None:
        """Draw the decisions at which the expert is asked."""
        super().__init__(agent, num_paths, generator)
        order = torch.randperm(agent.chain.horizon, generator=generator)
        self.asked = set(order[:EXPERT_STEPS].tolist())
        self.divergences: list[Tensor] = []

    def __call__(self, decision: Decision) -> Tensor:
        """Return log q, shape (B, A), and compare it with the expert's."""
        log_q = self.agent(decision)
        if int(decision.step[0]) in self.asked:
            # The ramp, not what is learned: the expert must not follow its pupil.
            progress = (decision.step / self.agent.chain.horizon).unsqueeze(1)
            beta = self.agent.policy.selection.temperature(progress)
            expert = improve(self.agent, decision, log_q.detach(), EXPERT_WIDTH, beta)
            q = log_q.exp()
            terms = torch.where(q > 0, q * (log_q - expert), 0.0)
            self.divergences.append(terms.sum(-1).mean())
        return log_q

    def loss(self, path: Path) -> Tensor:
        """Return the divergence from the expert and the error of the value."""
        return torch.stack(self.divergences).sum() + self.value_loss(path)
