"""The S-agent as a Stable-Baselines3 policy: it never sees the goal."""

from __future__ import annotations

from stable_baselines3.common.policies import ActorCriticPolicy

from agents.common.proposal_policy import ProposalPolicyMixin


class SPolicy(ProposalPolicyMixin, ActorCriticPolicy):
    """Selection from the prior and a learned score, both blind to the goal."""

    sees_goal = False
