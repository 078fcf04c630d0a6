"""`gcgen sample`: draw images from the S-agent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.cli.checks import check_at_least, check_suffix
from agents.cli.models import find_bounds, load_sampler
from agents.cli.pictures import SAMPLE_WRITERS


@dataclass(frozen=True)
class Sample:
    """Draw images from a trained model, or from a saved S-agent."""

    model: Path
    """A model.gcgen or s_agent.safetensors; told apart by content."""
    num: int = 64
    """How many images."""
    seed: int = 0
    """Reproduces the draws."""
    out: Path = Path("samples.png")
    """A .png grid, a .gif of the grid at every step, or a .npy array (num, C, height, width)."""
    draw: Literal["mean", "sample"] = "mean"
    """The likelihood's means, or pixels drawn from it."""
    device: str = "auto"
    """Torch device."""

    def run(self) -> int:
        """Run the command; returns its exit code."""
        check_suffix(self.out, SAMPLE_WRITERS)
        check_at_least("seed", self.seed, 0)
        model = load_sampler(self.model, self.device)
        states = model.sample(self.num, self.seed, self.draw, return_trajectory=True)
        SAMPLE_WRITERS[self.out.suffix.lower()](states, find_bounds(model), self.out)
        print(f"wrote {self.num} samples to {self.out}")
        return 0
