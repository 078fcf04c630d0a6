"""A GC-agent whose look-ahead continues with a learned value: the policy of tree search."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from agents.common.selection import Selection
from agents.gcgen.next_values import NextValues
from agents.gcgen.policies import GCPolicy
from gcgen_env.config import check_count


class ValuePolicy(GCPolicy):
    """Selects by the gain of a proposal and the learned value of its next image.

        q(a | x, h, g)  ∝  p_S(a | x, h) exp( beta_h [gain_a + V(m(x'_a), h + 1, g)] + s_a )

    V starts at 0, so that a fresh policy is a `GCPolicy`. V sees the image alone: canvases beyond
    the bounds of images, and proposals that are used up, are hidden from it.
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
        """Build the scorer, and the network of values beside it."""
        super()._build_mlp_extractor()
        extractor = self.features_extractor
        self.mlp_extractor.next_values = NextValues(
            extractor.likelihood, extractor.values, self._width, self._horizon
        )

    def _build(self, lr_schedule: Any) -> None:
        """Build as the other policies do; V starts at 0."""
        super()._build(lr_schedule)
        self.next_values.network.reset()  # after SB3's orthogonal initialisation

    @property
    def next_values(self) -> NextValues:
        """The network of V."""
        return self.mlp_extractor.next_values

