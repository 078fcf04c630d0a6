"""Expert iteration: the GC-agent learns to imitate a search."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.common.decision import Decision, State
from agents.common.proposal_policy import ProposalPolicyMixin
from agents.gcgen.objectives.base import Objective
from agents.gcgen.rollout import Trajectories
from agents.gcgen.search import SoftSearch
from gcgen_env.model.chain import Chain

EXPERT_STEPS = 3
"""Number of decisions of each roll-out at which the expert is computed."""
EXPERT_WIDTH = 4
"""Number of proposals that the expert expands."""


class ExpertIteration(Objective):
    """Distils a two-step search q_E (Anthony et al., 2017) at a few decisions of each path.

        L = E[ sum_{h in expert steps} KL( q(.|x_h, h, g) || q_E(.|x_h, h, g) ) ]
            + E[ mean_h (V_h - G_h)^2 ] / D

    The divergence has the direction of the bound: q concentrates where the expert sees reward,
    instead of covering every proposal that the expert gives probability to. Every proposal gets
    a signal, not only the one that was drawn.
    """

    is_mean = True

    def __init__(
        self,
        policy: ProposalPolicyMixin,
        chain: Chain,
        num_paths: int,
        generator: torch.Generator,
    ) -> None:
        """Draw the steps at which the expert is computed; see `Objective`."""
        super().__init__(policy, chain, num_paths, generator)
        order = torch.randperm(chain.horizon, generator=generator)  # (H,)
        self.expert_steps = set(order[:EXPERT_STEPS].tolist())
        self.expert = SoftSearch(self.selection, chain, EXPERT_WIDTH)
        self.divergences: list[Tensor] = []

    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Return log q, shape (B, A), and store its divergence from the expert."""
        h = len(self._latents)  # state.step would have to be read from the device
        log_q = super().__call__(state, decision)  # (B, A), with gradient
        if h in self.expert_steps:
            # The fixed ramp, not the learned factor: the expert must not follow its pupil.
            beta = self.selection.config.temperature(decision.progress)
            expert = self.expert.improve(state, decision, log_q.detach(), beta)  # log q_E
            q = log_q.exp()  # with gradient: KL(q || q_E) is a mean under q
            terms = torch.where(q > 0, q * (log_q - expert), 0.0)  # (B, A); 0 log 0 = 0
            self.divergences.append(terms.sum(-1).mean())  # in nats
        return log_q

    def loss(self, trajectories: Trajectories) -> Tensor:
        """Return the divergence from the expert plus the error of the value."""
        return torch.stack(self.divergences).sum() + self.value_loss(trajectories)
