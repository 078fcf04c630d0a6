"""What the models that remove noise share: their U-Net, training and sampling, with `diffusers`.

Diffusion and flow matching train one U-Net, which is told how much noise there is, on images with
noise. A scheduler of the library generates images step by step from noise alone.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.training_utils import EMAModel
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from agents.common.augmentation import augment
from agents.gcgen.schedule import Clock
from benchmarks.compare.u_net import Patches, make_u_net
from gcgen_env import EnvConfig
from gcgen_env.goals import GoalSampler
from gcgen_env.model.build import open_data

Images = NDArray[np.float32]
LEVELS = 1000
"""Number of noise levels that the U-Net tells apart, as Ho et al. (2020) have it."""
STEPS = 20
"""Evaluations of the U-Net for one sample."""
AVERAGE = 0.995
"""Share that the moving average of the weights keeps at each update."""
_BATCH = 250


class DenoiserSizes(NamedTuple):
    """Hyperparameters of a denoiser."""

    channels: tuple[int, ...]
    """Channels of the U-Net at each resolution, from the finest; multiples of eight."""
    patch: int
    """Side of the squares of pixels that the U-Net reads and writes as one."""
    learning_rate: float
    """Initial learning rate of AdamW; it falls to zero along a cosine."""
    batch_size: int
    """Number of images of one gradient step."""


class Corruption(NamedTuple):
    """What the U-Net reads, and what it shall answer, for a batch of images and noise."""

    noisy: Tensor
    """Images with noise, shape (B, *S)."""
    timestep: Tensor
    """How much noise there is, shape (B,), in [0, LEVELS]."""
    target: Tensor
    """The right answer, shape (B, *S)."""


class Denoiser(ABC):
    """A U-Net, its training and its sampling; subclasses define noise and target.

    The images are grey levels between -1 and 1. Training time is the processor's.
    """

    now: Callable[[], float] = staticmethod(time.process_time)
    """The clock of the training time, in seconds."""

    def __init__(
        self,
        config: EnvConfig,
        sizes: DenoiserSizes,
        seed: int,
        augmentations: Collection[str] = (),
    ) -> None:
        """Build the U-Net.

        Args:
            config: Configuration of the environment whose images are used.
            sizes: Hyperparameters.
            seed: Seed of the weights, the noise and the order of the images.
            augmentations: Random changes of the images, see `GCGenConfig.augment`.
        """
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.sizes, self.augmentations = sizes, augmentations
        self.goals = GoalSampler(open_data(config).split("train"), binarize=False)
        self.patches = Patches.make(self.goals.dataset.shape, sizes.patch, len(sizes.channels))
        self.u_net = make_u_net(self.patches.shape, sizes.channels)
        self.updates = 0

    @abstractmethod
    def corrupt(self, images: Tensor) -> Corruption:
        """Add noise to images (B, *S) between -1 and 1."""

    def draw_noise(self, images: Tensor) -> Tensor:
        """Draw standard normal noise of the shape of images."""
        return torch.randn(images.shape, generator=self.generator)

    @abstractmethod
    def make_sampler(self) -> Any:
        """Make the scheduler that leads from noise to images in `STEPS` steps."""

    @property
    def images_seen(self) -> int:
        """Number of training images so far, repetitions included."""
        return self.updates * self.sizes.batch_size

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train the U-Net, and leave the moving average of its weights in it.

        Args:
            max_minutes: Training time.
            on_update: Called after every update.
        """
        parameters = list(self.u_net.parameters())
        optimizer = torch.optim.AdamW(parameters, self.sizes.learning_rate)
        average = EMAModel(parameters, decay=AVERAGE)
        clock = Clock(max_minutes, 0.0, self.now)
        while (done := clock.progress()) < 1:
            for group in optimizer.param_groups:
                group["lr"] = self.sizes.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
            loss = self.loss(self.draw_images())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            average.step(parameters)
            self.updates += 1
            on_update()
        average.copy_to(parameters)

    def draw_images(self) -> Tensor:
        """Draw the images of one update, shape (B, *S), between -1 and 1."""
        data = self.goals.dataset
        images = self.goals.sample(self.sizes.batch_size, self.rng)[1]
        images = augment(images, self.augmentations, self.rng, data.low, data.high)
        return torch.from_numpy(2 * (images - data.low) / (data.high - data.low) - 1)

    def loss(self, images: Tensor) -> Tensor:
        """Return the mean squared error of the answers for images (B, *S), a scalar."""
        noisy, timestep, target = self.corrupt(images)
        return F.mse_loss(self.answer(noisy, timestep), target)

    def answer(self, noisy: Tensor, timestep: Tensor) -> Tensor:
        """Return the U-Net's answer, shape (B, *S), to images with noise (B, *S)."""
        return self.patches.join(self.u_net(self.patches.cut(noisy), timestep).sample)

    @torch.no_grad()
    def sample(self, num: int, seed: int) -> Images:
        """Generate images, shape (num, *S)."""
        data, generator = self.goals.dataset, torch.Generator().manual_seed(seed)
        noise = torch.randn(num, *data.shape, generator=generator)
        images = torch.cat([self._denoise(part) for part in noise.split(_BATCH)])
        unit = (images.clamp(-1, 1) + 1) / 2
        return (data.low + (data.high - data.low) * unit).numpy()

    def _denoise(self, x: Tensor) -> Tensor:
        """Return the images that noise (B, *S) leads to."""
        sampler = self.make_sampler()
        for t in sampler.timesteps:
            x = sampler.step(self.answer(x, t.expand(len(x))), t, x).prev_sample
        return x

    def save(self, folder: Path) -> None:
        """Write the averaged weights."""
        weights = {name: value.contiguous() for name, value in self.u_net.state_dict().items()}
        save_file(weights, folder / "u_net.safetensors")
