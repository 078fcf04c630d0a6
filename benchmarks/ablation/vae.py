"""Variational autoencoders, the rows to compare with: one path of one decision, so to speak.

Both see the same images, binarised afresh each time, through the same likelihood, for the same
time; their bound is evaluated on the same binarisation as that of the agents.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from agents import NLLReport
from agents.gcgen.evaluation import ImageBounds, compute_image_bounds
from gcgen_env import EnvConfig
from gcgen_env.model.build import make_goals, make_likelihood_of

_BATCH = 256


class VAESizes(NamedTuple):
    """What a task asks of an autoencoder; chosen on its validation images."""

    hidden: int
    """Units of each of the two hidden layers of encoder and decoder."""
    latents: int
    """Gaussian latents."""
    learning_rate: float
    """Of Adam; a cosine takes it to zero."""
    batch_size: int
    """Images of one gradient step."""
    weight_decay: float = 0.0
    """Of AdamW."""


class VAE(nn.Module, ABC):
    """Encoder, latents, decoder and their training; subclasses say what the latents are."""

    def __init__(self, config: EnvConfig, sizes: VAESizes, codes: int, seed: int) -> None:
        """Build the networks.

        Args:
            config: The environment whose images and likelihood are used.
            sizes: Of the networks.
            codes: Numbers that the decoder reads.
            seed: One seed reproduces the networks and the order of the images.
        """
        super().__init__()
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.sizes = sizes
        self.goals = make_goals(config)
        data = self.goals.dataset
        self.likelihood = make_likelihood_of(config, data)
        values = math.prod(data.shape)
        self.decoder = _perceptron(codes, sizes.hidden, values)
        self.encoder = _perceptron(values, sizes.hidden, self.posterior_size(codes))
        mean = torch.from_numpy(data.mean())
        with torch.no_grad():  # begin at the mean image
            last = self.decoder[-1]
            assert isinstance(last, nn.Linear)
            last.bias.copy_(self.likelihood.to_canvas(mean).flatten())
        self.updates = 0

    @staticmethod
    @abstractmethod
    def posterior_size(codes: int) -> int:
        """Return how many numbers describe the posterior of `codes` numbers."""

    @abstractmethod
    def draw(self, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """Draw codes with gradient; return them (B, N) and KL(posterior || prior) (B,)."""

    @abstractmethod
    def draw_paths(self, posterior: Tensor, num: int) -> tuple[Tensor, Tensor]:
        """Draw codes (M, B, N) of the model proper; return log q - log p (M, B) with them."""

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train for some minutes.

        Args:
            max_minutes: The time.
            on_update: Called after every update.
        """
        optimizer = torch.optim.AdamW(
            self.parameters(), self.sizes.learning_rate, weight_decay=self.sizes.weight_decay
        )
        start = time.monotonic()
        while (done := (time.monotonic() - start) / (60 * max_minutes)) < 1:
            for group in optimizer.param_groups:
                group["lr"] = self.sizes.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
            _, goal = self.goals.sample(self.sizes.batch_size, self.rng)
            loss = self.loss(torch.from_numpy(goal))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            self.updates += 1
            on_update()

    @property
    def images_seen(self) -> int:
        """Images trained on, with repetition."""
        return self.updates * self.sizes.batch_size

    def get_weights(self) -> dict[str, Any]:
        """Return a copy of the weights."""
        return {name: value.clone() for name, value in self.state_dict().items()}

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Put such a copy back."""
        self.load_state_dict(weights)

    def loss(self, goal: Tensor) -> Tensor:
        """Return -ELBO of goals (B, *S), a scalar."""
        codes, divergence = self.draw(self.encode(goal))
        return (divergence - self.log_prob(codes, goal)).mean()

    def encode(self, goal: Tensor) -> Tensor:
        """Return the posterior of goals (B, *S), shape (B, ...)."""
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
        rows = []
        for batch in goals.split(_BATCH):
            codes, cost = self.draw_paths(self.encode(batch), num_paths)
            reconstruction = -self.log_prob(codes, batch).T
            rows.append(compute_image_bounds(reconstruction, cost.T.unsqueeze(2)))
        return NLLReport.of(ImageBounds(*map(torch.cat, zip(*rows, strict=True))), num_paths)


class GaussianVAE(VAE):
    """Kingma and Welling (2014): a standard normal prior, reparameterised draws."""

    def __init__(self, config: EnvConfig, sizes: VAESizes, seed: int) -> None:
        """Build the networks."""
        super().__init__(config, sizes, sizes.latents, seed)

    @staticmethod
    def posterior_size(codes: int) -> int:
        """Return means and log-variances."""
        return 2 * codes

    def draw(self, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """Draw mean + noise * deviation; the divergence in closed form."""
        mean, log_variance = posterior.chunk(2, -1)
        codes = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        terms = mean.square() + log_variance.exp() - 1 - log_variance
        return codes, 0.5 * terms.sum(-1)

    def draw_paths(self, posterior: Tensor, num: int) -> tuple[Tensor, Tensor]:
        """Draw latents, and compare their two densities."""
        mean, log_variance = posterior.chunk(2, -1)
        noise = torch.randn(num, *mean.shape)
        codes = mean + noise * (0.5 * log_variance).exp()
        return codes, 0.5 * (codes.square() - noise.square() - log_variance).sum(-1)


class CategoricalVAE(VAE):
    """H independent latents of A values: as many bits as the agents' codes have.

    Trained by straight-through Gumbel-softmax (Jang et al., 2017); evaluated with discrete draws.
    The prior of each latent is learned.
    """

    TEMPERATURE = 0.7
    """Of the relaxation."""

    def __init__(self, config: EnvConfig, sizes: VAESizes, seed: int) -> None:
        """Build the networks for A and H of the environment."""
        self.shape = config.horizon, config.num_proposals
        super().__init__(config, sizes, math.prod(self.shape), seed)
        self.prior = nn.Parameter(torch.zeros(self.shape))

    @staticmethod
    def posterior_size(codes: int) -> int:
        """Return one logit for each value of each latent."""
        return codes

    def draw(self, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """Draw one-hot codes that pass the relaxation's gradient; the divergence is exact."""
        logits = posterior.unflatten(-1, self.shape)
        codes = F.gumbel_softmax(logits, self.TEMPERATURE, hard=True)
        log_q, log_p = logits.log_softmax(-1), self.prior.log_softmax(-1)
        return codes.flatten(-2), (log_q.exp() * (log_q - log_p)).sum((-2, -1))

    def draw_paths(self, posterior: Tensor, num: int) -> tuple[Tensor, Tensor]:
        """Draw latents, and compare their two probabilities."""
        log_q, log_p = (
            posterior.unflatten(-1, self.shape).log_softmax(-1),
            self.prior.log_softmax(-1),
        )
        value = torch.distributions.Categorical(logits=log_q).sample((num,))  # (M, B, H)
        codes = F.one_hot(value, self.shape[1]).float()
        return codes.flatten(-2), (codes * (log_q - log_p)).sum((-2, -1))


class OneImage(GaussianVAE):
    """The best single image: an autoencoder whose only latent is zero."""

    def __init__(self, config: EnvConfig, sizes: VAESizes, seed: int) -> None:
        """Build the networks."""
        super().__init__(config, sizes._replace(latents=1), seed)

    def draw(self, posterior: Tensor) -> tuple[Tensor, Tensor]:
        """Return zeros, which cost nothing."""
        codes = posterior.new_zeros(len(posterior), 1)
        return codes, codes.squeeze(-1)

    def draw_paths(self, posterior: Tensor, num: int) -> tuple[Tensor, Tensor]:
        """Return zeros, which cost nothing."""
        codes = posterior.new_zeros(num, len(posterior), 1)
        return codes, codes.squeeze(-1)


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Make two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.SiLU(),
        nn.Linear(hidden, hidden),
        nn.SiLU(),
        nn.Linear(hidden, outputs),
    )
