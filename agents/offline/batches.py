"""Batches of decisions drawn from episodes, some with relabelled goals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.offline.episode_data import EpisodeData
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.rewards import PotentialReward, ScaledReward

Strategy = Literal["future", "final"]
"""Which image of an episode becomes the goal: any after the decision, or the last one."""


class Batch(NamedTuple):
    """B decisions; D is the number of values of one image."""

    image: Tensor
    """m(x), shape (B, D)."""
    next_image: Tensor
    """m(x'), shape (B, D)."""
    goal: Tensor
    """g, shape (B, D)."""
    step: Tensor
    """h, shape (B,), int64."""
    mask: Tensor
    """Valid proposals, shape (B, A), bool."""
    action: Tensor
    """Shape (B,), int64."""
    reward: Tensor
    """Shape (B,), float32."""


@dataclass(frozen=True)
class Relabelling:
    """How goals of decisions are replaced; the others keep those of their episodes."""

    hindsight: float = 0.0
    """Share of decisions whose goal becomes an image that the episode reached later."""
    strategy: Strategy = "future"
    """Which of these images."""
    random: float = 0.0
    """Share of decisions whose goal becomes that of another episode, drawn uniformly."""

    def __post_init__(self) -> None:
        """Check the shares and the name.

        Raises:
            ValueError: If they are out of range.
        """
        if not (0 <= self.hindsight and 0 <= self.random and self.hindsight + self.random <= 1):
            raise ValueError(
                "the shares of relabelled goals must be at least 0 and at most 1 together, got "
                f"{self.hindsight} and {self.random}"
            )
        if self.strategy not in get_args(Strategy):
            raise ValueError(
                f"the strategy must be one of {', '.join(get_args(Strategy))}; got "
                f"{self.strategy!r}"
            )


class BatchSampler:
    """Draws decisions uniformly, with replacement."""

    def __init__(
        self,
        data: EpisodeData,
        relabelling: Relabelling,
        likelihood: Likelihood | None = None,
        reward_scale: float = 1.0,
    ) -> None:
        """Store the episodes.

        Args:
            data: The episodes.
            relabelling: Which goals are replaced.
            likelihood: Computes the rewards of replaced goals, at `gamma` = 1; None keeps the
                recorded rewards, for algorithms that read none.
            reward_scale: Factor of all rewards.

        Raises:
            ValueError: If the recorded rewards are not those of the likelihood.
        """
        self.data = data
        self.relabelling = relabelling
        potential = None if likelihood is None else PotentialReward(likelihood)
        self.rewards = None if potential is None else ScaledReward(potential, reward_scale)
        if self.rewards is not None and (relabelling.hindsight or relabelling.random):
            self._check_rewards()

    def sample(self, num: int, rng: np.random.Generator, device: torch.device) -> Batch:
        """Draw a batch of `num` decisions."""
        data = self.data
        episode = rng.integers(len(data), size=num)  # (B,)
        h = rng.integers(data.horizon, size=num)  # (B,)
        goal, replaced = self._draw_goals(episode, h, rng)  # (B, *S), (B,)
        image, after = data.image[episode, h], data.image[episode, h + 1]  # (B, *S) both
        reward = data.reward[episode, h]  # (B,), a copy
        if self.rewards is not None and replaced.any():
            pair = after[replaced], goal[replaced]
            reward[replaced] = self.rewards.compute(*pair, image[replaced])
        parts = (
            *(each.reshape(num, -1) for each in (image, after, goal)),
            *(h, data.mask[episode, h], data.action[episode, h], reward.astype(np.float32)),
        )
        return Batch(*(torch.from_numpy(part).to(device) for part in parts))

    def _draw_goals(
        self, episode: NDArray[np.int64], h: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the goals (B, *S) of decisions, and which of them are replaced (B,)."""
        data, how, num = self.data, self.relabelling, len(episode)
        last = np.full(num, data.horizon)
        later = last if how.strategy == "final" else rng.integers(h + 1, data.horizon + 1)  # (B,)
        other, lot = rng.integers(len(data), size=num), rng.random(num)  # (B,) both
        reached, exchanged = lot < how.hindsight, lot >= 1 - how.random  # disjoint
        goal = data.goal[np.where(exchanged, other, episode)]  # (B, *S), a copy
        goal[reached] = data.image[episode[reached], later[reached]]
        return goal, reached | exchanged

    def _check_rewards(self) -> None:
        """Raise a ValueError unless the recorded rewards of some episodes can be recomputed."""
        data, rewards = self.data, self.rewards
        assert rewards is not None
        few = slice(0, 32)  # episodes
        flat: Any = {"goal": np.repeat(data.goal[few], data.horizon, 0)}  # (32 H, *S)
        for name, images in (("after", data.image[few, 1:]), ("before", data.image[few, :-1])):
            flat[name] = images.reshape(-1, *images.shape[2:])  # (32 H, *S)
        computed = rewards.compute(flat["after"], flat["goal"], flat["before"])
        if not np.allclose(computed, data.reward[few].ravel(), rtol=1e-3, atol=1e-3):
            raise ValueError(
                "goals cannot be relabelled: the recorded rewards are not the potential rewards of "
                "this environment's likelihood with gamma=1. Set the shares of relabelled goals "
                "to 0, or record with reward_type='potential' and gamma=1"
            )
