"""What each step of a model contributes: gain, divergence, and how many proposals it uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.gcgen import GCGen
from gcgen_env.viewer.card import draw_card
from gcgen_env.viewer.grids import trajectory_grid

SHOWN = 4
"""Number of images that a notebook shows on their way."""


@dataclass(frozen=True)
class StepReport:
    """Figures of each of the H steps, means over images, and the images on their way."""

    gain: NDArray[np.float64]
    """log p(g | x_{h+1}) - log p(g | x_h) along the most probable codes, in nats, shape (H,)."""
    divergence: NDArray[np.float64]
    """log q - log p_S along paths drawn from q, in nats, shape (H,)."""
    counts: NDArray[np.int64]
    """How many images choose each proposal, shape (H, A)."""
    states: NDArray[np.float32]
    """m(x_h), shape (H + 1, N, *S)."""

    @property
    def effective(self) -> NDArray[np.float64]:
        """Effective number of proposals at each step: exp of the entropy of their use, (H,)."""
        share = self.counts / self.counts.sum(1, keepdims=True)  # (H, A)
        logs = np.log(share, where=share > 0, out=np.zeros_like(share))
        return np.exp(-(share * logs).sum(1))

    @property
    def unused(self) -> NDArray[np.int64]:
        """Number of proposals at each step that no image chooses, shape (H,)."""
        return (self.counts == 0).sum(1)

    def __repr__(self) -> str:
        """Show the sums over the steps, not the arrays."""
        return f"StepReport({self.describe()})"

    def _repr_html_(self) -> str:
        """Return the figures of each step and some images, for notebooks."""
        steps = {
            f"step {h}": f"gain {gain:.2f} nats, divergence {nats:.2f} nats, {num:.0f} proposals"
            for h, (gain, nats, num) in enumerate(
                zip(self.gain, self.divergence, self.effective, strict=True)
            )
        }
        picture = trajectory_grid(self.states[:, :SHOWN])
        return draw_card("What each step contributes", self.describe() | steps, picture)

    def describe(self) -> dict[str, str]:
        """Return the sums over the steps."""
        h, a = self.counts.shape
        return {
            "images": f"{self.states.shape[1]:,}",
            "steps": f"{h} among {a} proposals",
            "gain": f"{self.gain.sum():.2f} nats",
            "divergence": f"{self.divergence.sum():.2f} nats",
        }


def measure_steps(model: GCGen, images: Any, seed: int | None = 0) -> StepReport:
    """Measure what each step contributes to images.

    Args:
        model: Both agents.
        images: Shape (N, *S); the more, the better the use of proposals is known.
        seed: Seed of the binarisation and of the paths of the divergence.

    Raises:
        ValueError: If the images do not fit.
    """
    codes = model.encode(images)  # (N, H)
    states = model.decode(codes, return_trajectory=True)  # (H + 1, N, *S)
    likelihood, goal = model.s_agent.likelihood, torch.as_tensor(np.asarray(images, np.float32))
    potential = [
        likelihood.log_prob(likelihood.to_canvas(torch.from_numpy(state)), goal).double().mean()
        for state in states
    ]
    num_proposals = model.chain.num_proposals
    return StepReport(
        gain=np.diff(torch.stack(potential).numpy()),
        divergence=np.array(model.evaluate_nll(images, seed=seed).divergence),
        counts=np.stack([np.bincount(column, minlength=num_proposals) for column in codes.T]),
        states=states,
    )
