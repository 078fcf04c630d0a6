"""Variational autoencoders, for comparison.

They are trained on the same images with the same likelihood and for the same time as the agents,
with a new binarisation in every batch or on grey images, and evaluated on the same binarisation.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from agents import NLLReport
from agents.gcgen.bound import ImageBounds, compute_image_bounds
from gcgen_env import EnvConfig
from gcgen_env.goals import make_goals
from gcgen_env.model.build import likelihood_of, open_data

_BATCH = 256


class VAESizes(NamedTuple):
    """Hyperparameters of an autoencoder."""

    hidden: int
    """Units of each hidden layer; encoder and decoder have two."""
    latents: int
    """Number of Gaussian latent variables."""
    learning_rate: float
    """Initial learning rate of AdamW; it falls to zero along a cosine."""
    batch_size: int
    """Number of images of one gradient step."""
    weight_decay: float = 0.0
    """Weight decay of AdamW."""
    grey_goals: bool = False
    """Whether it is trained on the images instead of binarisations of them."""


class VAE(nn.Module, ABC):
    """Encoder, decoder and their training; subclasses define the latent variables."""

    def __init__(self, config: EnvConfig, sizes: VAESizes, codes: int, seed: int) -> None:
        """Build the networks.

        Args:
            config: Configuration of the environment whose images and likelihood are used.
            sizes: Hyperparameters.
            codes: N, the number of inputs of the decoder.
            seed: Seed of the weights and the order of the images.
        """
        super().__init__()
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.sizes = sizes
        self.goals = make_goals(config, open_data(config))
        data = self.goals.dataset
        self.likelihood = likelihood_of(config, data)
        values = math.prod(data.shape)
        self.decoder = _perceptron(codes, sizes.hidden, values)
        self.encoder = _perceptron(values, sizes.hidden, self.posterior_size(codes))
        mean = torch.from_numpy(data.mean())
        with torch.no_grad():  # start at the mean image
            last = self.decoder[-1]
            assert isinstance(last, nn.Linear)
            last.bias.copy_(self.likelihood.to_canvas(mean).flatten())
        self.updates = 0

    @staticmethod
    @abstractmethod
    def posterior_size(codes: int) -> int:
        """Return the number of parameters of the posterior of N = `codes` numbers."""

    @abstractmethod
    def draw(self, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """Sample codes (B, N) with their gradient; return them and KL(posterior || prior), (B,)."""

    @abstractmethod
    def draw_paths(self, posterior: Tensor, num: int) -> tuple[Tensor, Tensor]:
        """Sample M codes without relaxation: return codes (M, B, N) and log q - log p (M, B)."""

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train the networks.

        Args:
            max_minutes: Training time.
            on_update: Called after every update.
        """
        optimizer = torch.optim.AdamW(
            self.parameters(), self.sizes.learning_rate, weight_decay=self.sizes.weight_decay
        )
        goals = replace(self.goals, binarize=self.goals.binarize and not self.sizes.grey_goals)
        start = time.monotonic()
        while (done := (time.monotonic() - start) / (60 * max_minutes)) < 1:
            for group in optimizer.param_groups:
                group["lr"] = self.sizes.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
            _, goal = goals.sample(self.sizes.batch_size, self.rng)
            loss = self.loss(torch.from_numpy(goal))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            self.updates += 1
            on_update()

    @property
    def images_seen(self) -> int:
        """Number of training images so far, repetitions included."""
        return self.updates * self.sizes.batch_size

    def get_weights(self) -> dict[str, Any]:
        """Return a copy of the weights."""
        return {name: value.clone() for name, value in self.state_dict().items()}

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Restore a copy of the weights."""
        self.load_state_dict(weights)

    def loss(self, goal: Tensor) -> Tensor:
        """Return -ELBO of goals (B, *S), a scalar."""
        codes, divergence = self.draw(self.encode(goal))
        return (divergence - self.log_prob(codes, goal)).mean()

    def encode(self, goal: Tensor) -> Tensor:
        """Return the parameters of the posterior of goals (B, *S), shape (B, ...)."""
        low, high = self.likelihood.low, self.likelihood.high
        return self.encoder(2 * (goal.flatten(1) - low) / (high - low) - 1)

    def log_prob(self, codes: Tensor, goal: Tensor) -> Tensor:
        """Return log p(g | z), shape (..., B), in nats, of codes (..., B, N)."""
        canvas = self.decoder(codes).unflatten(-1, goal.shape[1:])
        return self.likelihood.log_prob(canvas, goal)

    @torch.no_grad()
    def evaluate_nll(
        self, images: NDArray[np.float32], num_paths: int = 1, seed: int = 0
    ) -> NLLReport:
        """Bound -log p(g) of images, binarised as `GCGen.evaluate_nll` does."""
        goals = torch.from_numpy(self.goals.prepare(images, np.random.default_rng(seed)))
        torch.manual_seed(seed)
        bounds = []
        for batch in goals.split(_BATCH):
            codes, cost = self.draw_paths(self.encode(batch), num_paths)
            reconstruction = -self.log_prob(codes, batch).T
            bounds.append(compute_image_bounds(reconstruction, cost.T.unsqueeze(2)))
        found = ImageBounds(*map(torch.cat, zip(*bounds, strict=True)))
        return NLLReport.of(found, num_paths, goals[0].numel())


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


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Make a perceptron with two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.SiLU(),
        nn.Linear(hidden, hidden),
        nn.SiLU(),
        nn.Linear(hidden, outputs),
    )
