"""What the variational autoencoders share: their networks, training and evaluation.

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
from numpy.typing import NDArray
from torch import Tensor, nn

from agents import NLLReport
from agents.gcgen.bound import compute_image_bounds
from agents.gcgen.nll_report import ImageBounds
from agents.gcgen.schedule import Clock
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

    now: Callable[[], float] = staticmethod(time.monotonic)
    """The clock of the training time, in seconds."""

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
        mean = self.likelihood.to_canvas(torch.from_numpy(data.mean()))  # (*S)
        self.decoder = self.make_decoder(codes, mean)
        self.encoder = self.make_encoder(data.shape, self.posterior_size(codes))
        self.updates = 0

    def make_decoder(self, codes: int, start: Tensor) -> nn.Module:
        """Make the network from codes (..., N) to flat canvases (..., D), near `start` (*S)."""
        decoder = _perceptron(codes, self.sizes.hidden, start.numel())
        last = decoder[-1]
        assert isinstance(last, nn.Linear)
        last.bias.data.copy_(start.flatten())
        return decoder

    def make_encoder(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Make the network from flat images (..., D) of a shape S to `outputs` numbers."""
        return _perceptron(math.prod(shape), self.sizes.hidden, outputs)

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
        clock = Clock(max_minutes, 0.0, self.now)
        while (done := clock.progress()) < 1:
            for group in optimizer.param_groups:
                group["lr"] = self.sizes.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
            loss = self.loss(torch.from_numpy(self.draw_goals()))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            self.updates += 1
            on_update()

    def draw_goals(self) -> NDArray[np.float32]:
        """Draw the goals of one update, shape (B, *S)."""
        goals = replace(self.goals, binarize=self.goals.binarize and not self.sizes.grey_goals)
        return goals.sample(self.sizes.batch_size, self.rng)[1]

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
        return self.likelihood.log_prob(self.decode(codes), goal)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the canvases (..., *S) of codes (..., N)."""
        return self.decoder(codes).unflatten(-1, self.goals.dataset.shape)

    def stored_cost(self, canvas: Tensor, goal: Tensor) -> Tensor | None:
        """Return -log P of stored images (B, *S), shape (M, B), if it is wanted for bits."""
        return None

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
            canvas = self.decode(codes)  # (M, B, *S)
            reconstruction = -self.likelihood.log_prob(canvas, batch).T  # (B, M)
            stored = self.stored_cost(canvas, batch)
            parts = (cost.T.unsqueeze(2), None if stored is None else stored.T)
            bounds.append(compute_image_bounds(reconstruction, *parts))
        found = ImageBounds(*map(torch.cat, zip(*bounds, strict=True)))
        return NLLReport.of(found, num_paths, goals[0].numel())


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Make a perceptron with two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.SiLU(),
        nn.Linear(hidden, hidden),
        nn.SiLU(),
        nn.Linear(hidden, outputs),
    )
