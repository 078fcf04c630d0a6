"""Makes guided images: looks at all next images, then weights, resamples and chooses."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.guidance.black_box import BlackBox
from agents.guidance.particles import choose_ancestors, choose_particle
from gcgen_env.model.chain import Chain
from gcgen_env.proposal_cache import draw_next

FIRST_SHARE, SMALL_SHARE = 0.2, 0.8
"""Share of the scale at the first step; the second one is for small images, as in training."""
SMALL = 256
"""Largest number of values of small images: few nats can be gained, so early choices count more."""


class Draws(NamedTuple):
    """The random numbers of B images with K particles each."""

    choice: Tensor
    """Exp(1) for every proposal, shape (H, B, K, A)."""
    offset: Tensor
    """Uniform for every resampling and for the final choice, shape (H + 1, B)."""

    @classmethod
    def make(cls, seed: int, numbers: range, sizes: tuple[int, int, int]) -> Draws:
        """Draw for some images; those of an image depend on the seed and its number alone."""
        horizon, particles, proposals = sizes
        rngs = [np.random.default_rng([seed, number]) for number in numbers]
        choice = [rng.exponential(size=(horizon, particles, proposals)) for rng in rngs]
        offset = [rng.random(horizon + 1) for rng in rngs]
        return cls(*(torch.from_numpy(np.stack(each, axis=1)) for each in (choice, offset)))


class Particles(NamedTuple):
    """R = B K partial trajectories."""

    canvas: Tensor
    """Shape (R, *S)."""
    code: Tensor
    """The choices so far, shape (R, h)."""
    score: Tensor
    """Scores of the images, shape (R,); zero before the first choice."""
    log_weight: Tensor
    """Shape (B, K)."""
    used: Tensor | None = None
    """Proposals that cannot be chosen again, shape (R, A)."""


class GuidedSampler:
    """Draws images by p_S(tau) exp(beta score(x_H)), approximately."""

    def __init__(self, chain: Chain, black_box: BlackBox, scale: float, num_particles: int) -> None:
        """Combine a generative model and a guidance; see `sample_guided`."""
        self.chain = chain
        self.black_box = black_box
        first = SMALL_SHARE if math.prod(chain.shape) <= SMALL else FIRST_SHARE
        self.betas = scale * torch.linspace(1.0, first, chain.horizon).double().flip(0)
        """beta_h, shape (H,); the last one is the scale itself."""
        self.num_particles = num_particles
        self.sizes = (chain.horizon, num_particles, chain.num_proposals)
        self.group = max(1, black_box.batch_size // (num_particles * chain.num_proposals))
        """Number of images that are made at once."""

    def run(self, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """Make B images; return them (B, *S), their codes (B, H) and their scores (B,)."""
        num = draws.offset.shape[1]
        particles = self._start(num)
        for h in range(self.chain.horizon):
            particles = self._advance(particles, h, draws)
        chosen = choose_particle(particles.log_weight, draws.offset[-1])  # (B,)
        row = chosen + torch.arange(num) * self.num_particles
        canvas = particles.canvas[row.to(self.chain.device)]
        return self.chain.likelihood.mean(canvas).cpu(), particles.code[row], particles.score[row]

    def tilt(self, log_prior: Tensor, score: Tensor, h: int) -> Tensor:
        """Return log p_S(a) + beta_h score(x'_a), shape (R, A)."""
        return log_prior + self.betas[h] * score

    def _start(self, num: int) -> Particles:
        """Return the particles of `num` images at x_0."""
        rows = num * self.num_particles
        weight = torch.zeros(num, self.num_particles, dtype=torch.float64)
        code, score = torch.zeros(rows, 0, dtype=torch.int64), torch.zeros(rows).double()
        return Particles(self.chain.dynamics.start(rows), code, score, weight)

    def _advance(self, particles: Particles, h: int, draws: Draws) -> Particles:
        """Weight the particles, resample them, and choose the next proposal of each."""
        log_prior, score = self._look(particles, h)  # (R, A) both
        log_q = self.tilt(log_prior, score, h)  # not normalised
        if self.num_particles > 1:
            particles, kept = self._select(particles, log_q, draws.offset[h])
            log_q, score = log_q[kept], score[kept]
        q = log_q.softmax(-1)
        action = (q / draws.choice[h].flatten(0, 1)).argmax(-1)  # (R,)
        on_device = action.to(self.chain.device)
        step = torch.full_like(on_device, h)
        return Particles(
            self.chain.choose(particles.canvas, step, on_device),
            torch.cat([particles.code, action.unsqueeze(1)], dim=1),
            score.gather(1, action.unsqueeze(1)).squeeze(1),
            particles.log_weight,
            self.chain.use(particles.used, on_device),
        )

    def _select(
        self, particles: Particles, log_q: Tensor, offset: Tensor
    ) -> tuple[Particles, Tensor]:
        """Resample the particles of each image by what can be reached from them.

        The weight of a particle is multiplied by sum_a p_S(a) exp(beta_h score(x'_a)), which is
        where it can go, and divided by exp(beta_{h-1} score(x)), which has brought it here.
        """
        weight, h = particles.log_weight, particles.code.shape[1]
        if h:  # all are equal at x_0
            gain = log_q.logsumexp(-1) - self.betas[h - 1] * particles.score  # (R,)
            weight = weight + gain.view_as(weight)
        ancestor, weight = choose_ancestors(weight, offset)  # (B, K) both
        first = torch.arange(len(weight)).unsqueeze(1) * self.num_particles  # (B, 1)
        kept = (ancestor + first).flatten()  # (R,)
        there = kept.to(self.chain.device)
        used = None if particles.used is None else particles.used[there]
        rows = particles.canvas[there], particles.code[kept], particles.score[kept]
        return Particles(*rows, weight, used), kept

    def _look(self, particles: Particles, h: int) -> tuple[Tensor, Tensor]:
        """Return log p_S and the scores of all next images, both (R, A), float64, on the CPU.

        Equal states are computed once: equal codes lead to them.
        """
        first, inverse = find_distinct(particles.code)
        states = particles.canvas[first.to(self.chain.device)]
        used = None if particles.used is None else particles.used[first.to(self.chain.device)]
        most = max(1, self.black_box.batch_size // self.sizes[-1])  # states at once
        results = [
            self._look_from(states[i : i + most], None if used is None else used[i : i + most], h)
            for i in range(0, len(states), most)
        ]
        log_prior, score = (torch.cat(each) for each in zip(*results, strict=True))
        return log_prior[inverse], score[inverse]

    def _look_from(self, canvas: Tensor, used: Tensor | None, h: int) -> tuple[Tensor, Tensor]:
        """Return log p_S and the scores of all next images of a few states."""
        step = torch.full((len(canvas),), h, device=canvas.device)
        proposals = self.chain.propose(canvas, step, used=used)
        values = self.chain.next_images(proposals, step)[1]  # (B, A, P)
        image = self.chain.likelihood.mean(canvas).cpu().numpy()
        images = draw_next(self.chain, values, image)  # (B, A, *S)
        score = self.black_box.score(images.reshape(-1, *self.chain.shape))
        log_prior = proposals.log_prior.cpu().double()
        return log_prior, torch.from_numpy(score).view_as(log_prior)


def find_distinct(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Find equal rows of codes (R, h).

    Returns:
        The number of one row of each kind, shape (U,), and the kind of each row, shape (R,).
    """
    if not codes.shape[1]:
        return torch.zeros(1, dtype=torch.int64), torch.zeros(len(codes), dtype=torch.int64)
    kinds, inverse = codes.unique(dim=0, return_inverse=True)
    first = torch.empty(len(kinds), dtype=torch.int64)
    return first.scatter_(0, inverse, torch.arange(len(codes))), inverse
