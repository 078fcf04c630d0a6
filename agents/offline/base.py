"""What the offline algorithms share: training on a data set, `predict`, saving and loading."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import trange

from agents.baselines import Baseline
from agents.common.decision import INVALID_LOGIT, check_observation
from agents.common.provenance import find_device
from agents.offline.batches import Batch, BatchSampler
from agents.offline.episode_data import EpisodeData, read_data
from agents.offline.model_file import SavedModel, find_spaces, read_model, write_model
from gcgen_env.config import check_count
from gcgen_env.storage import File

Callback = Callable[[int, dict[str, float]], bool | None]
"""Gets the number of gradient steps and the mean metrics since its last call; False stops."""


class OfflineAlgorithm(Baseline):
    """The base class: an Adam optimiser over some networks, one of which is the policy."""

    networks: nn.ModuleDict
    """The networks; "policy" returns logits, shape (B, A)."""
    saved_arguments: Sequence[str] = ("seed", "learning_rate", "batch_size", "net_arch")
    """Arguments of the constructor that a file holds; attributes have the same names."""

    def __init__(
        self,
        env: Any,
        dataset: Any = None,
        *,
        seed: int | None = None,
        learning_rate: float = 3e-4,
        batch_size: int = 256,
        net_arch: Sequence[int] = (256, 256),
        horizon: int | None = None,
        device: torch.device | str = "auto",
    ) -> None:
        """Build the networks; the arguments are those of the subclasses.

        Raises:
            ValueError: If the spaces, the data set and the arguments do not fit together.
        """
        super().__init__(seed)  # the generator of `predict`
        self.observation_space, self.action_space = find_spaces(env)
        self.data: EpisodeData | None = None
        if dataset is not None:
            self.data = read_data(dataset)
            _check_data(self.data, self.observation_space, int(self.action_space.n), horizon)
            horizon = self.data.horizon
        if horizon is None:
            raise ValueError("dataset= is required; without it, horizon= for a policy that plays")
        if not learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {learning_rate}")
        check_count("batch_size", batch_size, 1, "a batch has a decision")
        check_count("horizon", horizon, 1, "an episode has at least one step")
        self.seed = int(np.random.SeedSequence().entropy % 2**32) if seed is None else seed  # type: ignore[operator]
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.net_arch = tuple(net_arch)
        self.horizon = horizon
        self.device = find_device(device)
        self.num_updates = 0
        with torch.random.fork_rng(devices=[]):  # the weights are drawn on the CPU
            torch.manual_seed(self.seed)
            self.networks = self.make_networks()
        if self.device.type != "cpu":
            self.networks.to(self.device)
        self.optimizer = torch.optim.Adam(self._trained(), lr=learning_rate)

    @abstractmethod
    def make_networks(self) -> nn.ModuleDict:
        """Make the networks from the arguments."""

    @abstractmethod
    def compute_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch, and metrics to log."""

    @abstractmethod
    def make_sampler(self, data: EpisodeData) -> BatchSampler:
        """Make what draws the batches."""

    def after_update(self) -> None:
        """Do what follows an optimiser step, such as moving target networks; here nothing."""

    def learn(
        self,
        gradient_steps: int,
        callback: Callback | None = None,
        log_interval: int = 1000,
        progress_bar: bool = False,
    ) -> Self:
        """Train on the data set.

        The batches depend on the seed and on how many gradient steps were made before, so that a
        training that is saved and continued draws what an uninterrupted one with the same calls
        of `learn` draws.

        Args:
            gradient_steps: Number of batches.
            callback: Called every `log_interval` steps and at the end.
            log_interval: Number of gradient steps between two calls.
            progress_bar: Show a progress bar.

        Returns:
            The model itself.

        Raises:
            ValueError: If there is no data set, or a number is below 1.
        """
        check_count("gradient_steps", gradient_steps, 1, "training makes a step")
        check_count("log_interval", log_interval, 1, "metrics are means over steps")
        if self.data is None:
            raise ValueError("learn needs a data set: pass dataset= to the constructor or to load")
        sampler = self.make_sampler(self.data)
        rng = np.random.default_rng([self.seed, self.num_updates])
        logged: list[dict[str, Tensor]] = []
        for step in trange(1, gradient_steps + 1, disable=not progress_bar):
            batch = sampler.sample(self.batch_size, rng, self.device)
            logged.append(self._update(batch))
            if callback is not None and (step % log_interval == 0 or step == gradient_steps):
                if callback(self.num_updates, _average(logged)) is False:
                    break
                logged = []
            elif callback is None:
                logged = []  # nobody reads them
        return self

    def compute_logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the policy's logits, shape (N, A), for a batch of observations.

        Raises:
            ValueError: If an entry is missing, or has another shape than in training.
        """
        shape = self.observation_space["observation"].shape  # S
        for key in ("observation", "desired_goal", "step"):
            check_observation(observation, key, "pass an observation of a GCGen environment")
        for key in ("observation", "desired_goal"):
            if observation[key].shape[1:] != shape:
                raise ValueError(f"{key} must have shape {shape}, got {observation[key].shape[1:]}")
        h = np.rint(observation["step"][:, 0] * self.horizon).astype(np.int64)  # from h / H
        h = h.clip(0, self.horizon - 1)  # nothing is chosen at h = H, but SB3's tools may ask
        parts = [observation[key].reshape(len(h), -1) for key in ("observation", "desired_goal")]
        with torch.no_grad():
            images = (torch.from_numpy(np.float32(part)).to(self.device) for part in parts)
            logits = self.networks["policy"](*images, torch.from_numpy(h).to(self.device))
        return logits.double().cpu().numpy()

    def save(self, path: File) -> None:
        """Write the model to one file, JSON and safetensors; no pickle, and no data.

        Args:
            path: Where to write, any suffix, or a binary file object.
        """
        arguments = {name: getattr(self, name) for name in (*self.saved_arguments, "horizon")}
        spaces = self.observation_space, self.action_space
        state = self.optimizer.state_dict()["state"]
        saved = SavedModel(arguments, *spaces, self.num_updates, self.networks.state_dict(), state)
        write_model(type(self).__name__, saved, path)

    @classmethod
    def load(
        cls,
        path: File,
        env: Any = None,
        dataset: Any = None,
        device: torch.device | str = "auto",
    ) -> Self:
        """Read a model written by `save`.

        Args:
            path: The file, or a binary file object.
            env: An environment, whose spaces must be those of the file; None trusts the file.
            dataset: A data set to train further; prediction needs none.
            device: Torch device, or "auto".

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged, holds something else, or does not fit; pickles are never
                read.
        """
        return read_model(cls, path, env, dataset, device)

    def _update(self, batch: Batch) -> dict[str, Tensor]:
        """Make one gradient step; return the metrics."""
        loss, metrics = self.compute_loss(batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.after_update()
        self.num_updates += 1
        return {"loss": loss.detach(), **metrics}

    def _trained(self) -> list[nn.Parameter]:
        """Return the weights that the optimiser changes."""
        return [weight for weight in self.networks.parameters() if weight.requires_grad]

    def _count_values(self) -> int:
        """Return D, the number of values of one image."""
        return prod(self.observation_space["observation"].shape or ())


def log_policy(logits: Tensor, mask: Tensor) -> Tensor:
    """Compute log pi(a | x, h, g), shape (B, A), with probability zero where `mask` is False."""
    return logits.masked_fill(~mask, INVALID_LOGIT).log_softmax(-1)


def _check_data(data: EpisodeData, space: Any, num_proposals: int, horizon: int | None) -> None:
    """Raise a ValueError unless episodes fit an environment."""
    wanted = {
        "image shape": (data.goal.shape[1:], space["observation"].shape),
        "num_proposals": (data.num_proposals, num_proposals),
        "horizon": (data.horizon, data.horizon if horizon is None else horizon),
    }
    for name, (own, asked) in wanted.items():
        if own != asked:
            raise ValueError(f"the data set has {name} {own}, the environment has {asked}")


def _average(logged: list[dict[str, Tensor]]) -> dict[str, float]:
    """Return the means of metrics over steps."""
    return {key: torch.stack([row[key] for row in logged]).mean().item() for key in logged[0]}
