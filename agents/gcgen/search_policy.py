"""A GC-agent that learns from a search: it also scores next images, and values them."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces

from agents.gcgen.next_values import NextValues
from agents.gcgen.policies import GCPolicy
from gcgen_env.config import check_count

SHARE = 0.01
"""How far the averaged values move towards the values in each gradient step."""


class SearchPolicy(GCPolicy):
    """A policy for `gc_objective="tree_search"`.

        q(a | x, h, g)  ∝  p_S(a | x, h) exp( beta_h [gain_a + u(m(x'_a), h + 1, g)] + s_a )

    u starts at 0, so that a fresh policy is a `GCPolicy`. It sees the image alone: canvases beyond
    the bounds of images, and which proposals are used up, are hidden from it. A second network of
    the same kind, V, serves the search in training; q does not use it.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        lr_schedule: Any,
        *,
        horizon: int,
        **kwargs: Any,
    ) -> None:
        """Build the policy.

        Args:
            observation_space: Of an environment with `obs_mode="pixels"`.
            action_space: Its `Discrete(A)`.
            lr_schedule: Learning rate as a function of the remaining progress.
            horizon: H; `GCGen` reads it from the environment.
            **kwargs: Keywords of `GCPolicy`.
        """
        check_count("horizon", horizon, 1, "an episode has at least one step")
        self._horizon = horizon
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)
        self._own_kwargs |= {"horizon": horizon}

    def _build_mlp_extractor(self) -> None:
        """Build the scorer, and the other networks beside it."""
        super()._build_mlp_extractor()
        inner, extractor = self.mlp_extractor, self.features_extractor
        sizes = (extractor.likelihood, extractor.values, self._width, self._horizon)
        inner.next_scores = NextValues(*sizes)  # u
        inner.values = NextValues(*sizes)  # V
        inner.averaged_values = NextValues(*sizes).requires_grad_(False)

    def _build(self, lr_schedule: Any) -> None:
        """Build as the other policies do; u and V start at 0."""
        super()._build(lr_schedule)
        for each in (self.mlp_extractor.next_scores, self.values):
            each.network.reset()  # after SB3's orthogonal initialisation
        self.averaged_values.load_state_dict(self.values.state_dict())

    @property
    def values(self) -> NextValues:
        """V in training."""
        return self.mlp_extractor.values

    @property
    def averaged_values(self) -> NextValues:
        """V with an average of its weights over the last gradient steps (Polyak averaging)."""
        return self.mlp_extractor.averaged_values

    @torch.no_grad()
    def average(self) -> None:
        """Move the averaged weights of V towards the weights."""
        pairs = zip(self.averaged_values.parameters(), self.values.parameters(), strict=True)
        for mean, weight in pairs:
            mean.lerp_(weight, SHARE)
