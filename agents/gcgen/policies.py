"""The GC-agent as Stable-Baselines3 policies: it sees the goal and selects a proposal."""

from __future__ import annotations

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.common.proposal_policy import ProposalPolicyMixin


class GCPolicy(ProposalPolicyMixin, ActorCriticPolicy):
    """Goal-conditioned selection for PPO, A2C, TRPO and `GCGen`."""


class MaskableGCPolicy(ProposalPolicyMixin, MaskableActorCriticPolicy):
    """Goal-conditioned selection for MaskablePPO."""
