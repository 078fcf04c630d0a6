"""A flow-matching model, for comparison."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from benchmarks.compare.denoiser import LEVELS, STEPS, Corruption, Denoiser


class FlowMatching(Denoiser):
    """Flow matching on straight lines (Lipman et al., 2023; Liu et al., 2023), Euler's method."""

    def corrupt(self, images: Tensor) -> Corruption:
        """Return x_s = (1 - s) x_0 + s x_1 with noise x_1, and its velocity x_1 - x_0."""
        noise = self.draw_noise(images)
        s = torch.rand(len(images), generator=self.generator)
        share = s[:, None, None, None]
        return Corruption((1 - share) * images + share * noise, LEVELS * s, noise - images)

    def make_sampler(self) -> FlowMatchEulerDiscreteScheduler:
        """Make the sampler that follows the velocity backwards, from s = 1 to s = 0."""
        sampler = FlowMatchEulerDiscreteScheduler(LEVELS)
        sampler.set_timesteps(sigmas=np.linspace(1, 1 / STEPS, STEPS).tolist())
        return sampler
