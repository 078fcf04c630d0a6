"""Stable-Baselines3 policies that score proposals: one mixin for every actor-critic class."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.common.scorer import ProposalScorer, Situation, score_proposals
from agents.common.selection import INVALID_LOGIT, SelectionConfig, selection_logits
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.spaces import ImageSpace


class ProposalFeatures(NamedTuple):
    """A batch of observations as a scorer reads them; D values an image, A proposals."""

    image: Tensor
    """(B, D)."""
    goal: Tensor
    """(B, D)."""
    progress: Tensor
    """h / H, (B, 1)."""
    log_prior: Tensor
    """log p_S, `INVALID_LOGIT` where invalid, (B, A)."""
    gain: Tensor
    """Phi(x'_a, g) - Phi(x, g), in nats, (B, A)."""
    proposals: Tensor
    """m(x'_a), (B, A, D)."""


class ProposalFeaturesExtractor(BaseFeaturesExtractor):
    """Packs a `ProposalFeatures` into the one row for each observation that SB3 passes on."""

    def __init__(self, observation_space: spaces.Dict, likelihood: Likelihood) -> None:
        """Note the sizes; `likelihood` measures how far each proposal is from the goal."""
        self.values = math.prod(observation_space["observation"].shape or ())
        self.num_proposals = observation_space["log_prior"].shape[0]  # type: ignore[index]
        a, d = self.num_proposals, self.values
        self.sizes = [d, d, 1, a, a, a * d]
        super().__init__(observation_space, sum(self.sizes))
        self.likelihood = likelihood

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Return one row (B, features) for each observation."""
        image, goal = (observations[k].flatten(1) for k in ("observation", "desired_goal"))
        proposals = observations["proposals"].flatten(2)  # (B, A, D)
        canvas = self.likelihood.to_canvas
        before = self.likelihood.log_prob_terms(canvas(image), goal).sum(-1, keepdim=True)
        gain = self.likelihood.measure_(canvas(proposals.clone()), goal)[1] - before
        invalid = observations["action_mask"] < 0.5
        log_prior = observations["log_prior"].masked_fill(invalid, INVALID_LOGIT)
        parts = (image, goal, observations["step"], log_prior, gain, proposals.flatten(1))
        return torch.cat(parts, dim=1)

    def unpack(self, features: Tensor) -> ProposalFeatures:
        """Undo the packing."""
        image, goal, progress, log_prior, gain, proposals = features.split(self.sizes, dim=1)
        proposals = proposals.unflatten(1, (self.num_proposals, self.values))
        return ProposalFeatures(image, goal, progress, log_prior, gain, proposals)


class ProposalActorCritic(nn.Module):
    """Stands where SB3 expects its `mlp_extractor`: gives logits (B, A) and value features."""

    def __init__(
        self, extractor: ProposalFeaturesExtractor, config: SelectionConfig, scorer: ProposalScorer
    ) -> None:
        """Put the parts together; the extractor is only asked how to unpack its rows."""
        super().__init__()
        self.config = config
        self.scorer = scorer
        self._unpack = extractor.unpack
        self.latent_dim_pi = extractor.num_proposals
        self.latent_dim_vf = scorer.width

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (B, A) and the value features (B, width)."""
        parts = self._unpack(features)
        latent = self._embed(parts)
        return self._logits(parts, latent), latent

    def forward_actor(self, features: Tensor) -> Tensor:
        """Return the logits (B, A)."""
        parts = self._unpack(features)
        return self._logits(parts, self._embed(parts) if self.config.learned else None)

    def forward_critic(self, features: Tensor) -> Tensor:
        """Return the value features (B, width)."""
        return self._embed(self._unpack(features))

    def _embed(self, parts: ProposalFeatures) -> Tensor:
        """Read state and goal, or the state alone for a policy that is blind."""
        goal = parts.goal if self.scorer.sees_goal else None
        return self.scorer.embed(Situation(parts.image, goal, parts.progress))

    def _logits(self, parts: ProposalFeatures, latent: Tensor | None) -> Tensor:
        """Add up the terms of log q."""
        score = None
        if self.config.learned and latent is not None:
            score = score_proposals(self.scorer.point(latent), parts.proposals, parts.image)
        gain = parts.gain if self.scorer.sees_goal else None
        factor = self.scorer.temperature_factor(parts.progress) if self.config.learned else None
        return selection_logits(self.config, parts.log_prior, gain, score, parts.progress, factor)


class ProposalPolicyMixin:
    """Turns an actor-critic policy into one that selects among the proposals it is shown.

    Put it before `ActorCriticPolicy` or `MaskableActorCriticPolicy` in the bases of a class.
    Its logits are log p_S + look-ahead + learned score, each of which can be switched off;
    see `SelectionConfig`. A valid proposal less probable than exp(-30) counts as exp(-30), the
    floor of what observations show. Invalid proposals have probability 0 whatever calls the
    policy: the mask is read from the observation.
    """

    sees_goal = True
    # What the SB3 class beside this one provides.
    features_extractor: Any
    mlp_extractor: Any
    action_net: Any
    value_net: Any
    optimizer: Any
    optimizer_class: Any
    optimizer_kwargs: Any
    parameters: Any

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        lr_schedule: Any,
        *,
        prior: bool = True,
        look_ahead: tuple[float, float] | None = (0.2, 1.1),
        learned: bool = True,
        hard: bool = False,
        width: int = 128,
        likelihood: Likelihood | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the policy.

        Args:
            observation_space: Of an environment with `obs_mode="pixels"`.
            action_space: Its `Discrete(A)`.
            lr_schedule: Learning rate as a function of the remaining progress.
            prior: Add log p_S to the logits.
            look_ahead: Temperatures at the first step and after the last; None for none.
            learned: Add the learned score.
            hard: Put all probability on the largest logit.
            width: Hidden units of the scorer.
            likelihood: Measures the look-ahead; None reads it from the observation space.
            **kwargs: Of SB3's policy.

        Raises:
            ValueError: If the observations show no proposals.
        """
        self._config = SelectionConfig(prior, look_ahead, learned, hard)
        self._width = width
        self._own_kwargs = {**vars(self._config), "width": width, "likelihood": likelihood}
        super().__init__(  # type: ignore[call-arg]
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=ProposalFeaturesExtractor,
            features_extractor_kwargs={
                "likelihood": likelihood or find_likelihood(observation_space)
            },
            **kwargs,
        )

    def _build_mlp_extractor(self) -> None:
        """Put the scorer where SB3 puts its network."""
        extractor = self.features_extractor
        scorer = ProposalScorer(extractor.values, self.sees_goal, self._width)
        self.mlp_extractor = ProposalActorCritic(extractor, self._config, scorer)

    def _build(self, lr_schedule: Any) -> None:
        """Build as SB3 does, then let the scorer's output be the logits and start at zero."""
        super()._build(lr_schedule)  # type: ignore[misc]
        self.action_net = nn.Identity()
        self.scorer.reset_direction()
        nn.init.zeros_(self.value_net.weight)
        nn.init.zeros_(self.value_net.bias)
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    @property
    def scorer(self) -> ProposalScorer:
        """The learned part."""
        return self.mlp_extractor.scorer

    @property
    def selection(self) -> SelectionConfig:
        """Which terms the logits have."""
        return self._config

    def set_selection(self, **changes: Any) -> None:
        """Change which terms the logits have, or the ramp of the look-ahead.

        Args:
            **changes: Fields of `SelectionConfig`.

        Raises:
            ValueError: If a value is out of range.
        """
        self._config = replace(self._config, **changes)
        self._own_kwargs |= {name: getattr(self._config, name) for name in changes}
        self.mlp_extractor.config = self._config

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """Return what `load` passes to the constructor."""
        data = super()._get_constructor_parameters()  # type: ignore[misc]
        for name in ("features_extractor_class", "features_extractor_kwargs"):
            data.pop(name)
        return {**data, **self._own_kwargs}


def find_likelihood(observation_space: spaces.Space[Any]) -> Likelihood:
    """Return the likelihood that an observation space carries.

    Raises:
        ValueError: If the space is not that of a GCGen environment in pixels mode.
    """
    if (
        not isinstance(observation_space, spaces.Dict)
        or "proposals" not in observation_space.keys()
    ):
        raise ValueError(
            "this policy selects among the proposals it is shown: make the environment with "
            'obs_mode="pixels"'
        )
    image = observation_space["desired_goal"]
    if not isinstance(image, ImageSpace):
        raise ValueError(
            "the observation space does not carry its likelihood (a wrapper replaced it); pass "
            "policy_kwargs={'likelihood': env.unwrapped.core.chain.likelihood}"
        )
    return image.likelihood
