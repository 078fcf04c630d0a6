"""What the comparison of images needs of a model, and the models that it trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from agents import GCGen
from agents.gcgen.schedule import Clock, Schedule
from benchmarks.ablation.contenders import UNLIMITED, Agents, Contender, OnRolloutEnd
from benchmarks.ablation.vae import VAESizes
from benchmarks.ablation.variants import DDN_POLICY, DDN_S_AGENT
from benchmarks.images.conv_vae import ConvVAE
from gcgen_env.config import EnvConfig

Images = NDArray[np.float32]
VAE = VAESizes(hidden=128, latents=128, learning_rate=4e-3, batch_size=32)
"""The autoencoder, chosen on validation images of emoji among settings at equal time."""


class ImageContender(Contender, Protocol):
    """A model of images that is trained for some time of the processor."""

    def fit_sigma(self, images: Images) -> float:
        """Set the standard deviation of its likelihood to the best one, and return it."""
        ...

    def reconstruct(self, images: Images) -> Images:
        """Return the reconstructions of images, shape (B, *S)."""
        ...

    def sample(self, num: int, seed: int) -> Images:
        """Generate images, shape (num, *S)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model to a folder."""


class Variant(NamedTuple):
    """One row of the table."""

    name: str
    """Name of the variant."""
    options: dict[str, Any]
    """What it changes, as JSON values; saved with its results."""
    make: Callable[[int], ImageContender]
    """Function that builds the model from a seed."""


class ImageAgents(Agents):
    """The two agents of `GCGen`; training time is the processor's."""

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train, and call `on_update` after every iteration of `GCGen.learn`."""
        total, callback = self.model._setup_learn(UNLIMITED, OnRolloutEnd(on_update))
        callback.on_training_start({}, {})
        clock = Clock(max_minutes, 0.0, time.process_time)
        self.model.train_until(Schedule(0, total), clock, callback, None)
        callback.on_training_end()

    def fit_sigma(self, images: Images) -> float:
        """Set the standard deviation of the likelihood to the best one, and return it."""
        return self.model.fit_sigma(images)

    def reconstruct(self, images: Images) -> Images:
        """Return the reconstructions of images, by the most probable choices."""
        return self.model.reconstruct(images)

    def sample(self, num: int, seed: int) -> Images:
        """Generate images with the S-agent."""
        return self.model.sample(num, seed)

    def save(self, folder: Path) -> None:
        """Write model.gcgen, which the commands of `gcgen` read."""
        self.model.save(folder / "model.gcgen", exclude=["optimizer"])


class Autoencoder(ConvVAE):
    """The convolutional autoencoder."""

    def save(self, folder: Path) -> None:
        """Write the weights."""
        save_file(self.get_weights(), folder / "vae.safetensors")


def list_variants(config: EnvConfig, augment: tuple[str, ...] = ()) -> list[Variant]:
    """Return the models, in the order of the table.

    Args:
        config: The environment whose images, A and H they use.
        augment: Random changes of the training images, see `GCGenConfig.augment`.
    """

    def agents(name: str, **options: Any) -> Variant:
        def make(seed: int) -> ImageAgents:
            return ImageAgents(GCGen("GCPolicy", config, seed=seed, augment=augment, **options))

        return Variant(name, options, make)

    ddn = {"policy_kwargs": DDN_POLICY, "s_agent_kwargs": DDN_S_AGENT}
    return [
        agents("gcgen"),
        agents("ddn", **ddn),
        Variant("vae", VAE._asdict(), lambda seed: Autoencoder(config, VAE, seed, augment)),
    ]
