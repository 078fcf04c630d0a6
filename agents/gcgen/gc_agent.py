"""The GC-agent on canvases: q(a | x, h, g) for the batched roll-outs of `GCGen`."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.common.proposal_policy import ProposalPolicyMixin
from agents.common.scorer import Situation, score_proposals
from agents.common.selection import selection_logits
from agents.gcgen.rollout import Decision
from gcgen_env.model.chain import Chain


class GCAgent:
    """Selects with a `GCPolicy`: the same terms and weights, read off the canvas.

    The policy reads images as an environment shows them; this class computes the same
    quantities directly, for a whole batch of states and all their successors. It lives for
    one roll-out and keeps the value features it met.
    """

    def __init__(self, policy: ProposalPolicyMixin, chain: Chain) -> None:
        """Note the policy, and the chain whose likelihood and horizon it is used with."""
        self.policy = policy
        self.chain = chain
        self.latents: list[Tensor] = []

    def __call__(self, decision: Decision) -> Tensor:
        """Return normalised log q(a | x, h, g), shape (B, A), in nats."""
        progress = (decision.step / self.chain.horizon).unsqueeze(1)
        config = self.policy.selection
        score = factor = None
        if config.learned:
            latent = self._embed(decision, progress)
            self.latents.append(latent)
            point = self.policy.scorer.point(latent).unflatten(1, self.chain.shape)
            direction = decision.compress(point)
            score = score_proposals(direction, decision.proposals, decision.image)
            factor = self.policy.scorer.temperature_factor(progress)
        logits = selection_logits(
            config, decision.log_prior, decision.gain, score, progress, factor
        )
        return logits.log_softmax(-1)

    def temperature(self, step: Tensor) -> Tensor:
        """Return beta_h, shape (B, 1), with its learned factor if there is one."""
        progress = (step / self.chain.horizon).unsqueeze(1)
        beta = self.policy.selection.temperature(progress)
        if self.policy.selection.learned:
            beta = beta * self.policy.scorer.temperature_factor(progress)
        return beta

    def values(self) -> Tensor:
        """Return the value of every state of the roll-out, shape (B, H), in units of sqrt(D)."""
        return self.policy.value_net(torch.stack(self.latents, dim=1)).squeeze(-1)

    def _embed(self, decision: Decision, progress: Tensor) -> Tensor:
        """Return the scorer's features of state and goal; no gradient flows into the state."""
        image = self.chain.likelihood.mean(decision.canvas.detach()).flatten(1)
        return self.policy.scorer.embed(Situation(image, decision.goal.flatten(1), progress))
