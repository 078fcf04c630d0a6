"""`GCBC`: goal-conditioned behavioural cloning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from agents.offline.base import OfflineAlgorithm, log_policy
from agents.offline.batches import Batch, BatchSampler, Relabelling, Strategy
from agents.offline.episode_data import EpisodeData
from agents.offline.networks import GoalNetwork


class GCBC(OfflineAlgorithm):
    """Learns to repeat the recorded actions, given image, goal and step.

        loss = -log pi(a | x, h, g)

    over decisions (x, h, a) of the data set, with probability zero for invalid proposals. With
    `hindsight` > 0 the goal g of that share of the decisions is an image that the same episode
    reached later (Lynch et al., 2019, "Learning Latent Plans from Play"; Ghosh et al., 2021,
    "Learning to Reach Goals via Iterated Supervised Learning"). This is what OGBench (Park et
    al., 2025) calls GCBC. With 0, g is the goal for which the action was chosen.

        >>> from agents import GCBC
        >>> model = GCBC(env, "datasets/gcgen/digits/beam-v0", seed=0)  # doctest: +SKIP
        >>> model.learn(20_000).predict(obs, deterministic=True)  # doctest: +SKIP
    """

    saved_arguments = (
        *OfflineAlgorithm.saved_arguments,
        *("hindsight", "goal_selection_strategy"),
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
        hindsight: float = 0.0,
        goal_selection_strategy: Strategy = "future",
        horizon: int | None = None,
        device: torch.device | str = "auto",
    ) -> None:
        """Build the policy.

        Args:
            env: An environment, a vector environment, or the pair of its spaces.
            dataset: A `minari.MinariDataset`, its folder, or an `EpisodeData`.
            seed: Seed of the weights, the batches and the draws of `predict`.
            learning_rate: Of Adam.
            batch_size: B, decisions of one gradient step.
            net_arch: Hidden units of each layer.
            hindsight: Share of decisions with a relabelled goal, in [0, 1].
            goal_selection_strategy: "future" relabels with any later image of the episode,
                "final" with the last one.
            horizon: H; None reads it from the data set.
            device: Torch device, or "auto".

        Raises:
            ValueError: If they do not fit together, or a value is out of range.
        """
        self.relabelling = Relabelling(hindsight, goal_selection_strategy)
        self.hindsight = hindsight
        self.goal_selection_strategy = goal_selection_strategy
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

    def make_networks(self) -> nn.ModuleDict:
        """Make the policy."""
        sizes = self._count_values(), self.horizon, int(self.action_space.n)
        return nn.ModuleDict({"policy": GoalNetwork(*sizes, self.net_arch)})

    def make_sampler(self, data: EpisodeData) -> BatchSampler:
        """Make what draws the batches; it computes no rewards."""
        return BatchSampler(data, self.relabelling)

    def compute_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean of -log pi(a | x, h, g), in nats, and how often argmax pi is a."""
        logits = self.networks["policy"](batch.image, batch.goal, batch.step)
        log_pi = log_policy(logits, batch.mask)  # (B, A)
        loss = -log_pi.gather(1, batch.action.unsqueeze(1)).mean()
        accuracy = (log_pi.detach().argmax(1) == batch.action).float().mean()
        return loss, {"accuracy": accuracy}
