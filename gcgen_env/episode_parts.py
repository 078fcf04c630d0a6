"""What N episodes are made of: data, chain, goals and reward."""

from __future__ import annotations

import math

import torch

from gcgen_env.config import EnvConfig, check_count
from gcgen_env.device import resolve_device
from gcgen_env.goals import make_goals
from gcgen_env.memory import check_memory
from gcgen_env.model.build import make_chain, open_data
from gcgen_env.model.open_sizes import fill_sizes
from gcgen_env.rewards import Reward, make_reward


class EpisodeParts:
    """The parts of N episodes, without their state."""

    def __init__(self, config: EnvConfig, num_envs: int) -> None:
        """Build the parts.

        Args:
            config: What to build.
            num_envs: N.

        Raises:
            ValueError: If `num_envs` or `device` is invalid, or the parts do not fit.
        """
        check_count("num_envs", num_envs, 1, "a batch needs an environment")
        self.num_envs = int(num_envs)
        self.device = torch.device(resolve_device(config.device))
        self.data = open_data(config)
        self.config = config = fill_sizes(config, self.data)
        self.chain = make_chain(config, self.data, self.device)
        self.goals = make_goals(config, self.data)
        self.reward: Reward = make_reward(config, self.chain.likelihood)
        self.shape = self.goals.dataset.shape
        self._check_memory()

    def _check_memory(self) -> None:
        """Raise a MemoryError unless the state and one observation fit in memory."""
        config, image = self.config, 4 * math.prod(self.shape)  # bytes, float32
        size = 8 * image + 10 * config.num_proposals  # canvases and images; prior and mask
        if config.obs_mode == "pixels":
            changed = self.chain.compress(self.chain.dynamics.initial).nbytes
            size += config.num_proposals * (image + 2 * changed)
        check_memory(
            self.num_envs * size, f"{self.num_envs:,} environments would",
            "make fewer, or use obs_mode='compact'",
        )  # fmt: skip
