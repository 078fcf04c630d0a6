"""Variational autoencoders by their latent variables: Gaussian, categorical, none."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.ablation.vae import VAE, VAESizes
from gcgen_env import EnvConfig


class GaussianVAE(VAE):
    """Gaussian latents with a standard normal prior (Kingma and Welling, 2014)."""

    def __init__(self, config: EnvConfig, sizes: VAESizes, seed: int) -> None:
        """Build the networks."""
        super().__init__(config, sizes, sizes.latents, seed)

    @staticmethod
    def posterior_size(codes: int) -> int:
        """Count a mean and a log-variance for each number."""
        return 2 * codes

    def draw(self, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """Sample by reparameterisation; the divergence has a closed form."""
        mean, log_variance = posterior.chunk(2, -1)
        codes = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        terms = mean.square() + log_variance.exp() - 1 - log_variance
        return codes, 0.5 * terms.sum(-1)

    def draw_paths(self, posterior: Tensor, num: int) -> tuple[Tensor, Tensor]:
        """Sample latents and compare their log-densities."""
        mean, log_variance = posterior.chunk(2, -1)
        noise = torch.randn(num, *mean.shape)
        codes = mean + noise * (0.5 * log_variance).exp()
        return codes, 0.5 * (codes.square() - noise.square() - log_variance).sum(-1)


class CategoricalVAE(VAE):
    """H categorical latents of A values, as many codes as the agents have; a learned prior.

    Training uses the straight-through Gumbel-softmax (Jang et al., 2017), evaluation discrete
    samples.
    """

    TEMPERATURE = 0.7
    """Temperature of the relaxation."""

    def __init__(self, config: EnvConfig, sizes: VAESizes, seed: int) -> None:
        """Build the networks for the A and H of the environment."""
        self.shape = config.horizon, config.num_proposals
        super().__init__(config, sizes, math.prod(self.shape), seed)
        self.prior = nn.Parameter(torch.zeros(self.shape))

    @staticmethod
    def posterior_size(codes: int) -> int:
        """Count a logit for each value of each latent."""
        return codes

    def draw(self, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """Sample one-hot codes with the gradient of the relaxation; the divergence is exact."""
        logits = posterior.unflatten(-1, self.shape)
        codes = F.gumbel_softmax(logits, self.TEMPERATURE, hard=True)
        log_q, log_p = logits.log_softmax(-1), self.prior.log_softmax(-1)
        return codes.flatten(-2), (log_q.exp() * (log_q - log_p)).sum((-2, -1))

    def draw_paths(self, posterior: Tensor, num: int) -> tuple[Tensor, Tensor]:
        """Sample latents and compare their log-probabilities."""
        log_q = posterior.unflatten(-1, self.shape).log_softmax(-1)
        log_p = self.prior.log_softmax(-1)
        value = torch.distributions.Categorical(logits=log_q).sample((num,))  # (M, B, H)
        codes = F.one_hot(value, self.shape[1]).float()
        return codes.flatten(-2), (codes * (log_q - log_p)).sum((-2, -1))


class OneImage(GaussianVAE):
    """The best single image: an autoencoder whose only latent is always zero."""

    def __init__(self, config: EnvConfig, sizes: VAESizes, seed: int) -> None:
        """Build the networks."""
        super().__init__(config, sizes._replace(latents=1), seed)

    def draw(self, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """Return zeros, whose divergence is zero."""
        codes = posterior.new_zeros(len(posterior), 1)
        return codes, codes.squeeze(-1)

    def draw_paths(self, posterior: Tensor, num: int) -> tuple[Tensor, Tensor]:
        """Return zeros, whose divergence is zero."""
        codes = posterior.new_zeros(num, len(posterior), 1)
        return codes, codes.squeeze(-1)
