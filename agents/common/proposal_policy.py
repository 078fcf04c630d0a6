"""Stable-Baselines3 policies that score proposals: one mixin for every actor-critic class."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.common.calling_algorithm import check_algorithm
from agents.common.decision import Decision, pack, packed_sizes, read_observation, unpack
from agents.common.saved_policy import SavedPolicyMixin
from agents.common.scorer import ProposalScorer
from agents.common.selection import Selection
from agents.common.selection_config import WIDTH, SelectionConfig
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.spaces import ImageSpace


class ProposalFeaturesExtractor(BaseFeaturesExtractor):
    """Reads observations as `Decision`s, packed into the one row each that SB3 passes on."""

    def __init__(self, observation_space: spaces.Dict, likelihood: Likelihood) -> None:
        """Read the sizes; `likelihood` measures how close each proposal is to the goal."""
        self.values = math.prod(observation_space["observation"].shape or ())  # D
        self.num_proposals: int = observation_space["log_prior"].shape[0]  # type: ignore[index]
        super().__init__(observation_space, sum(packed_sizes(self.num_proposals, self.values)))
        self.likelihood = likelihood
        # What one nat is in units of the reward.
        self.reward_scale: float = getattr(observation_space["desired_goal"], "reward_scale", 1.0)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Return one row (B, features) for each observation."""
        return pack(read_observation(self.likelihood, observations))

    def unpack(self, features: Tensor) -> Decision:
        """Return the decisions of such rows."""
        return unpack(features, self.num_proposals, self.values)


class ProposalActorCritic(nn.Module):
    """Replaces SB3's `mlp_extractor`: gives logits (B, A) and value features (B, width)."""

    def __init__(
        self, extractor: ProposalFeaturesExtractor, config: SelectionConfig, scorer: ProposalScorer
    ) -> None:
        """Store the parts; the extractor is used to unpack its rows only."""
        super().__init__()
        self.config = config
        self.scorer = scorer
        self.next_scores: nn.Module | None = None  # `SearchPolicy` has one
        self._unpack = extractor.unpack  # a method, so that the module is not registered twice
        self.latent_dim_pi = extractor.num_proposals  # SB3 sizes `action_net` by it
        self.latent_dim_vf = scorer.width  # SB3 sizes `value_net` by it

    @property
    def selection(self) -> Selection:
        """The terms of log q with the current configuration."""
        return Selection(self.config, self.scorer, self.next_scores)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (B, A) and the value features (B, width)."""
        decision = self._unpack(features)
        latent = self.selection.embed(decision)  # (B, width), for the actor and the critic
        return self.selection.logits(decision, latent), latent

    def forward_actor(self, features: Tensor) -> Tensor:
        """Return the logits (B, A)."""
        decision = self._unpack(features)
        latent = self.selection.embed(decision) if self.config.learned else None
        return self.selection.logits(decision, latent)

    def forward_critic(self, features: Tensor) -> Tensor:
        """Return the value features (B, width)."""
        return self.selection.embed(self._unpack(features))


class ProposalLogitsMixin(SavedPolicyMixin):
    """Lets `mlp_extractor` of an actor-critic policy compute the logits of observed proposals.

    Classes define `_build_mlp_extractor`, and add their own arguments to `_own_kwargs`.
    """

    # Attributes of the SB3 class beside this one.
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
        likelihood: Likelihood | None = None,
        **kwargs: Any,
    ) -> None:
        """Check the algorithm and build the policy; see the classes below for the arguments."""
        check_algorithm(type(self))
        self._own_kwargs: dict[str, Any] = {"likelihood": likelihood}
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

    def _build(self, lr_schedule: Any) -> None:
        """Build as SB3 does; `mlp_extractor` returns logits, and the value starts at 0."""
        super()._build(lr_schedule)  # type: ignore[misc]
        self.action_net = nn.Identity()  # a linear layer would tie weights to indices
        nn.init.zeros_(self.value_net.weight)
        nn.init.zeros_(self.value_net.bias)
        self.optimizer = self.optimizer_class(  # again: SB3's has the weights of the old action_net
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """Return what `load` passes to the constructor."""
        data = super()._get_constructor_parameters()  # type: ignore[misc]
        for name in ("features_extractor_class", "features_extractor_kwargs"):
            data.pop(name)  # `__init__` sets both itself
        return {**data, **self._own_kwargs}


class ProposalPolicyMixin(ProposalLogitsMixin):
    """Turns an actor-critic policy into one that selects among the observed proposals.

    Put it before `ActorCriticPolicy` or `MaskableActorCriticPolicy` in the bases of a class.
    Its logits are log p_S + look-ahead + learned score, and each term can be switched off; see
    `SelectionConfig`. A valid proposal less probable than exp(-30) counts as exp(-30), the floor
    of `log_prior` in observations. Invalid proposals always have probability 0: the mask is read
    from the observation.
    """

    sees_goal = True  # False in `SPolicy`

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        lr_schedule: Any,
        *,
        prior: bool = SelectionConfig.prior,
        look_ahead: tuple[float, float] | None = SelectionConfig.look_ahead,
        learned: bool = SelectionConfig.learned,
        hard: bool = SelectionConfig.hard,
        width: int = WIDTH,
        **kwargs: Any,
    ) -> None:
        """Build the policy.

        Args:
            observation_space: Of an environment with `obs_mode="pixels"`.
            action_space: Its `Discrete(A)`.
            lr_schedule: Learning rate as a function of the remaining progress.
            prior: Add log p_S to the logits.
            look_ahead: beta_h at h = 0 and at h = H; None leaves the look-ahead out.
            learned: Add the learned score.
            hard: Put all probability on the largest logit.
            width: Hidden units of the scorer.
            **kwargs: Of SB3's policy; and `likelihood`, which measures the look-ahead. None reads
                it from the observation space.

        Raises:
            TypeError: If DQN or a relative builds it.
            ValueError: If the observations show no proposals.
        """
        self._config = SelectionConfig(prior, look_ahead, learned, hard)
        self._width = width
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)
        self._own_kwargs |= {**vars(self._config), "width": width}

    def _build_mlp_extractor(self) -> None:
        """Build the scorer where SB3 builds its network."""
        extractor = self.features_extractor  # SB3 has built it before it calls this method
        scorer = ProposalScorer(extractor.values, self.sees_goal, self._width)
        self.mlp_extractor = ProposalActorCritic(extractor, self._config, scorer)

    def _build(self, lr_schedule: Any) -> None:
        """Build as SB3 does; the scorer's direction starts at 0."""
        super()._build(lr_schedule)
        self.scorer.reset_direction()  # after SB3's orthogonal initialisation

    @property
    def scorer(self) -> ProposalScorer:
        """The learned part."""
        return self.mlp_extractor.scorer

    @property
    def selection(self) -> SelectionConfig:
        """Terms of the logits."""
        return self._config

    def make_selection(self) -> Selection:
        """Return the terms of log q and their learned part, as a GC-agent of roll-outs."""
        return self.mlp_extractor.selection

    def set_selection(self, **changes: Any) -> None:
        """Change the terms of the logits, or the temperatures of the look-ahead.

        Args:
            **changes: Fields of `SelectionConfig`.

        Raises:
            ValueError: If a value is out of range.
        """
        self._config = replace(self._config, **changes)  # checks the values
        self._own_kwargs |= {name: getattr(self._config, name) for name in changes}  # for `load`
        self.mlp_extractor.config = self._config  # read at every call


def find_likelihood(observation_space: spaces.Space[Any]) -> Likelihood:
    """Return the likelihood of an observation space.

    Raises:
        ValueError: If the space is not that of a GCGen environment in pixels mode.
    """
    if (
        not isinstance(observation_space, spaces.Dict)
        or "proposals" not in observation_space.keys()
    ):
        raise ValueError(
            "this policy selects among the observed proposals: make the environment with "
            'obs_mode="pixels"'
        )
    image = observation_space["desired_goal"]  # carries the likelihood
    if not isinstance(image, ImageSpace):
        raise ValueError(
            "the observation space has no likelihood, because a wrapper replaced it; pass "
            "policy_kwargs={'likelihood': env.unwrapped.episodes.chain.likelihood}"
        )
    return image.likelihood
