"""`GCIQL`: goal-conditioned implicit Q-learning, for discrete actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from agents.offline.base import OfflineAlgorithm, log_policy
from agents.offline.batches import Batch, BatchSampler, Relabelling, Strategy
from agents.offline.episode_data import EpisodeData
from agents.offline.networks import GoalNetwork
from gcgen_env.spaces import ImageSpace

LARGEST_WEIGHT = 100.0
"""Largest weight exp(alpha (Q - V)) of a decision, as in IQL."""
NEEDS_LIKELIHOOD = (
    "relabelled goals need new rewards, and the observation space has no likelihood: pass a GCGen "
    "environment, or set the shares of relabelled goals to 0"
)


class GCIQL(OfflineAlgorithm):
    """Implicit Q-learning (Kostrikov et al., 2022) with goals, as in OGBench (Park et al., 2025).

        L_V  = L2^tau( min_i Qbar_i(x, h, g, a) - V(x, h, g) )             equation 5
        L_Q  = sum_i ( r + gamma V(x', h + 1, g) - Q_i(x, h, g, a) )^2     equation 6
        L_pi = -exp( alpha [min_i Q_i(x, h, g, a) - V(x, h, g)] ) log pi(a | x, h, g)    equation 7

    with L2^tau(u) = |tau - 1(u < 0)| u^2, two critics i, V = 0 after the last decision, and Qbar
    a slow average of Q. Rewards are divided by their standard deviation in the data set, so that
    alpha fits every task. Relabelled goals get the rewards that the environment would give.
    """

    saved_arguments = (
        *OfflineAlgorithm.saved_arguments,
        *("expectile", "alpha", "gamma", "tau", "unit"),
        *("hindsight", "goal_selection_strategy", "random_goals"),
    )

    def __init__(
        self,
        env: Any,
        dataset: Any = None,
        *,
        seed: int | None = None,
        learning_rate: float = 3e-4,
        batch_size: int = 256,
        net_arch: Sequence[int] = (256, 256),
        expectile: float = 0.9,
        alpha: float = 10.0,
        gamma: float = 1.0,
        tau: float = 0.005,
        hindsight: float = 0.0,
        goal_selection_strategy: Strategy = "future",
        random_goals: float = 0.0,
        unit: float | None = None,
        horizon: int | None = None,
        device: torch.device | str = "auto",
    ) -> None:
        """Build the networks; arguments that are not listed are those of `GCBC`.

        Args:
            env: An environment, a vector environment, or the pair of its spaces.
            dataset: A `minari.MinariDataset`, its folder, or an `EpisodeData`.
            seed: Seed of the weights, the batches and the draws of `predict`.
            learning_rate: Of Adam, for all networks.
            batch_size: B, decisions of one gradient step.
            net_arch: Hidden units of each layer.
            expectile: The paper's tau, in [0.5, 1); 0.5 evaluates the behaviour policy.
            alpha: Inverse temperature of the weights, in one over `unit`; 0 is `GCBC`.
            gamma: Discount factor, in [0, 1].
            tau: Share of the critics in the slow average at each step, in (0, 1].
            hindsight: Share of decisions whose goal becomes a later image of the episode.
            goal_selection_strategy: Which of them; see `GCBC`.
            random_goals: Share of decisions whose goal becomes that of another episode.
            unit: Reward that counts as 1; None takes the standard deviation of the data set.
            horizon: H; None reads it from the data set.
            device: Torch device, or "auto".

        Raises:
            ValueError: If they do not fit together, or a value is out of range.
        """
        self.relabelling = Relabelling(hindsight, goal_selection_strategy, random_goals)
        self.hindsight, self.random_goals = hindsight, random_goals
        self.goal_selection_strategy = goal_selection_strategy
        self.expectile, self.alpha, self.gamma, self.tau = expectile, alpha, gamma, tau
        self._check()
        super().__init__(
            env,
            dataset,
            seed=seed,
            learning_rate=learning_rate,
            batch_size=batch_size,
            net_arch=net_arch,
            horizon=horizon,
            device=device,
        )
        if unit is None:
            spread = 0.0 if self.data is None else float(self.data.reward.std())
            unit = spread or 1.0  # all rewards may be equal
        self.unit = unit

    def make_networks(self) -> nn.ModuleDict:
        """Make policy, value, the two critics, and their slow averages."""
        sizes, a = (self._count_values(), self.horizon), int(self.action_space.n)
        outputs = {"policy": a, "value": 1, "critic_0": a, "critic_1": a}
        networks = {k: GoalNetwork(*sizes, out, self.net_arch) for k, out in outputs.items()}
        for name in ("critic_0", "critic_1"):
            slow = GoalNetwork(*sizes, a, self.net_arch).requires_grad_(False)
            slow.load_state_dict(networks[name].state_dict())
            networks[f"slow_{name}"] = slow
        return nn.ModuleDict(networks)

    def make_sampler(self, data: EpisodeData) -> BatchSampler:
        """Make what draws the batches, with the rewards of their goals."""
        space = self.observation_space["desired_goal"]
        likelihood = space.likelihood if isinstance(space, ImageSpace) else None
        if likelihood is None and (self.hindsight or self.random_goals):
            raise ValueError(NEEDS_LIKELIHOOD)
        scale = getattr(space, "reward_scale", 1.0)
        return BatchSampler(data, self.relabelling, likelihood, scale)

    def compute_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return L_V + L_Q + L_pi; each network gets the gradient of its own term alone."""
        at = batch.image, batch.goal, batch.step
        q = torch.stack([self._evaluate(f"critic_{i}", batch) for i in range(2)])  # (2, B)
        slow = [self._evaluate(f"slow_critic_{i}", batch) for i in range(2)]  # (B,) both
        value = self.networks["value"](*at).squeeze(1)  # (B,)
        log_pi = log_policy(self.networks["policy"](*at), batch.mask)  # (B, A)
        chosen = log_pi.gather(1, batch.action.unsqueeze(1)).squeeze(1)  # (B,)
        advantage = (q.min(0).values - value).detach()  # (B,)
        weight = (self.alpha * advantage).exp().clamp_max(LARGEST_WEIGHT)  # (B,)
        losses = {
            "value_loss": expectile_loss(torch.minimum(*slow) - value, self.expectile).mean(),
            "critic_loss": (self._bootstrap(batch) - q).square().sum(0).mean(),
            "policy_loss": -(weight * chosen).mean(),
        }
        metrics = {key: loss.detach() for key, loss in losses.items()}
        metrics |= {"value": self.unit * value.detach().mean(), "weight": weight.mean()}
        return torch.stack(list(losses.values())).sum(), metrics

    @torch.no_grad()
    def after_update(self) -> None:
        """Move the slow critics: Qbar <- (1 - tau) Qbar + tau Q."""
        for name in ("critic_0", "critic_1"):
            slow, fast = self.networks[f"slow_{name}"], self.networks[name]
            for old, new in zip(slow.parameters(), fast.parameters(), strict=True):
                old.lerp_(new, self.tau)

    def _evaluate(self, name: str, batch: Batch) -> Tensor:
        """Return what a critic says of the chosen actions, shape (B,), in units."""
        values = self.networks[name](batch.image, batch.goal, batch.step)  # (B, A)
        return values.gather(1, batch.action.unsqueeze(1)).squeeze(1)

    @torch.no_grad()
    def _bootstrap(self, batch: Batch) -> Tensor:
        """Return r + gamma V(x', h + 1, g), shape (B,), in units; V(x_H) = 0."""
        ended = batch.step + 1 == self.horizon  # (B,)
        following = (batch.step + 1).clamp_max(self.horizon - 1)  # a valid step where ended
        value = self.networks["value"](batch.next_image, batch.goal, following).squeeze(1)
        return batch.reward / self.unit + self.gamma * value.masked_fill(ended, 0.0)

    def _check(self) -> None:
        """Raise a ValueError if a number is out of range."""
        if not 0.5 <= self.expectile < 1:
            raise ValueError(f"expectile must lie in [0.5, 1), got {self.expectile}")
        if not self.alpha >= 0:
            raise ValueError(f"alpha must be at least 0, got {self.alpha}")
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"gamma must lie in [0, 1], got {self.gamma}")
        if not 0 < self.tau <= 1:
            raise ValueError(f"tau must lie in (0, 1], got {self.tau}")


def expectile_loss(difference: Tensor, expectile: float) -> Tensor:
    """Compute L2^tau(u) = |tau - 1(u < 0)| u^2 of differences u, same shape."""
    weight = torch.where(difference < 0, 1 - expectile, expectile)
    return weight * difference.square()
