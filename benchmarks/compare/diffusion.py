"""A denoising diffusion model, for comparison."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import Tensor

from benchmarks.compare.denoiser import LEVELS, STEPS, Corruption, Denoiser


class Diffusion(Denoiser):
    """Denoising diffusion (Ho et al., 2020) with a cosine schedule, sampled by DDIM.

    The U-Net predicts the velocity v (Salimans and Ho, 2022), and the last noise level is noise
    alone (Lin et al., 2024), so that sampling can take few steps.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Build the U-Net and the schedule of the noise; see `Denoiser`."""
        super().__init__(*args, **kwargs)
        self.scheduler = DDPMScheduler(
            LEVELS,
            beta_schedule="squaredcos_cap_v2",
            prediction_type="v_prediction",
            rescale_betas_zero_snr=True,
            timestep_spacing="trailing",
        )

    def corrupt(self, images: Tensor) -> Corruption:
        """Return x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e and v = sqrt(a_t) e - sqrt(1 - a_t) x_0."""
        noise = self.draw_noise(images)
        t = torch.randint(LEVELS, (len(images),), generator=self.generator)
        noisy = self.scheduler.add_noise(images, noise, t)
        return Corruption(noisy, t, self.scheduler.get_velocity(images, noise, t))

    def make_sampler(self) -> DDIMScheduler:
        """Make the sampler of Song et al. (2021), which adds no noise."""
        sampler = DDIMScheduler.from_config(self.scheduler.config)
        sampler.set_timesteps(STEPS)
        return sampler
