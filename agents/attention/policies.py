"""Attention policies for actor-critic algorithms, with and without contrib's masks."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from agents.attention.set_network import SetNetwork
from agents.common.proposal_policy import ProposalFeaturesExtractor, ProposalLogitsMixin
from agents.common.scorer import KNOTS
from agents.common.state_features import make_step_basis, measure_gap
from gcgen_env.config import check_count


class AttentionActorCritic(nn.Module):
    """Replaces SB3's `mlp_extractor`: gives logits (B, A) and value features.

    Besides the mean token, the value features hold the gap to the goal in units of the reward,
    once for each point of the step basis. The value can so be any share of the gap at any step.
    """

    def __init__(self, extractor: ProposalFeaturesExtractor, network: SetNetwork) -> None:
        """Store the parts; the extractor is used to unpack its rows only."""
        super().__init__()
        self.network = network
        self.likelihood = extractor.likelihood
        self.reward_scale = extractor.reward_scale
        self._unpack = extractor.unpack  # a method, so that the module is not registered twice
        self.latent_dim_pi = extractor.num_proposals  # SB3 sizes `action_net` by it
        self.latent_dim_vf = network.width + KNOTS  # SB3 sizes `value_net` by it

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (B, A) and the value features (B, width + KNOTS)."""
        decision = self._unpack(features)
        logits, pooled = self.network(decision)
        gap = self.reward_scale * measure_gap(self.likelihood, decision.image, decision.goal)
        return logits, torch.cat([pooled, gap * make_step_basis(decision.progress)], dim=1)

    def forward_actor(self, features: Tensor) -> Tensor:
        """Return the logits (B, A)."""
        return self.forward(features)[0]

    def forward_critic(self, features: Tensor) -> Tensor:
        """Return the value features (B, width + KNOTS)."""
        return self.forward(features)[1]


class AttentionPolicyMixin(ProposalLogitsMixin):
    """Turns an actor-critic policy into one that attends to the set of proposals.

    A fresh policy is a softmax of the gains in standard deviations of the gains of its state. It
    prefers good proposals and explores as much on every task, however large the gains are in
    nats; a softmax of the gains themselves would be greedy from the start. Its value is 0.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        lr_schedule: Any,
        *,
        width: int = 64,
        heads: int = 2,
        depth: int = 1,
        sharpness: float = 1.0,
        **kwargs: Any,
    ) -> None:
        """Build the policy.

        Args:
            observation_space: Of an environment with `obs_mode="pixels"`.
            action_space: Its `Discrete(A)`.
            lr_schedule: Learning rate as a function of the remaining progress.
            width: Size of a token.
            heads: Attention heads, a divisor of `width`.
            depth: Blocks of self-attention.
            sharpness: Logit of one standard deviation of the gains in a fresh policy; 0 begins
                with the uniform distribution.
            **kwargs: `likelihood`, and keywords of SB3's policy.

        Raises:
            TypeError: If DQN or a relative builds it.
            ValueError: If the observations show no proposals, or a number does not fit.
        """
        for name, value in (("width", width), ("heads", heads), ("depth", depth)):
            check_count(name, value, 1, "the policy compares proposals by attention")
        if width % heads:
            raise ValueError(f"width must be a multiple of heads={heads}, got {width}")
        self._sizes: dict[str, Any] = {
            "width": width,
            "heads": heads,
            "depth": depth,
            "sharpness": sharpness,
        }
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)
        self._own_kwargs |= self._sizes

    def _build_mlp_extractor(self) -> None:
        """Build the network where SB3 builds its own."""
        extractor = self.features_extractor  # SB3 has built it before it calls this method
        network = SetNetwork(extractor.values, **self._sizes)
        self.mlp_extractor = AttentionActorCritic(extractor, network)

    def _build(self, lr_schedule: Any) -> None:
        """Build as SB3 does; the learned score starts at 0."""
        super()._build(lr_schedule)
        self.mlp_extractor.network.reset_score()  # after SB3's orthogonal initialisation


class AttentionPolicy(AttentionPolicyMixin, ActorCriticPolicy):
    """Attends to the set of proposals, for PPO and A2C."""


class MaskableAttentionPolicy(AttentionPolicyMixin, MaskableActorCriticPolicy):
    """Attends to the set of proposals, for MaskablePPO."""
