"""`gcgen sample`: draw images from the S-agent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.cli.checks import check_at_least, check_suffix, reading_input
from agents.cli.models import load_sampler
from agents.cli.pictures import SAMPLE_SUFFIXES, write_samples


@dataclass(frozen=True)
class Sample:
    """Draw images from a trained model, or from a saved S-agent."""

    model: Path
    """A model.gcgen or an s_agent.safetensors; the content of the file decides, not its name."""
    num: int = 64
    """Number of images."""
    seed: int = 0
    """Seed of the draws."""
    out: Path = Path("samples.png")
    """A .png grid, a .gif of the grid at every step, or a .npy array (num, C, height, width)."""
    draw: Literal["mean", "sample"] = "mean"
    """Show the means of the likelihood, or pixels drawn from it."""
    device: str = "auto"
    """Torch device."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        with reading_input():
            check_suffix(self.out, SAMPLE_SUFFIXES)
            check_at_least(1, num=self.num)
            check_at_least(0, seed=self.seed)
            model = load_sampler(self.model, self.device)
        write_samples(model, self.out, self.num, self.seed, self.draw)
        print(f"wrote {self.num} samples to {self.out}")
        return 0
