"""`gcgen sample`: draw images from the S-agent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.cli.checks import check_at_least, check_seed
from agents.cli.outputs import check_output
from agents.cli.together import Team, sharing_work

SUFFIXES = (".gif", ".mp4", ".npy", ".png")


@dataclass(frozen=True)
class Sample:
    """Draw images from a trained model, or from a saved S-agent."""

    model: Path
    """The folder of a run, a model.gcgen or an s_agent.safetensors; the content of the file
    decides, not its name."""
    num: int = 64
    """Number of images."""
    seed: int = 0
    """Seed of the draws."""
    nucleus: float | None = None
    """Draw from the most probable proposals of each step alone, which have this share of p_S:
    images are often clearer, and less various. By default all proposals, or those of the model's
    environment."""
    out: Path = Path("samples.png")
    """A .png grid, a .gif or .mp4 of the grid at every step, or a .npy array (num, C, height,
    width)."""
    overwrite: bool = False
    """Replace the file if it exists."""
    draw: Literal["mean", "sample"] = "mean"
    """Show the means of the likelihood, or pixels drawn from it."""
    label: int | None = None
    """Class of the images, 0, 1, ..., for a model that was trained with --condition label."""
    nearest: bool = False
    """Draw the nearest training image below each sample, in a .png: a model that has learned its
    training images by heart shows them again. Distances are roots of mean squared differences."""
    data_dir: Path | None = None
    """Folder of the data files for --nearest, if they have moved since training."""
    device: str = "auto"
    """Torch device."""
    processes: int = 1
    """Processes on this machine that share the work; the results do not depend on it."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        with sharing_work(self.processes) as team:
            return self._run(team)

    def _run(self, team: Team) -> int:
        """Draw as one of some processes."""
        from agents.cli.measurement import hash_file
        from agents.cli.models import (
            find_model,
            load_sampler,
            load_training_images,
            prune,
            share,
        )
        from agents.cli.pictures import write_nearest, write_samples
        from gcgen_env.viewer.film import load_encoder

        with team.reading_input() as alike:
            suffixes = (".png",) if self.nearest else SUFFIXES
            check_output(self.out, self.overwrite, suffixes=suffixes, inputs=[self.model])
            check_at_least(1, num=self.num)
            if self.out.suffix.lower() == ".mp4":
                load_encoder()  # raises before the work begins
            check_seed(self.seed)
            model = prune(load_sampler(self.model, team.choose_device(self.device)), self.nucleus)
            model = share(model, team.ranks.take_turns)
            alike["model"] = hash_file(find_model(self.model))
            model.chain.given(self.label)  # raises if there is no such class
            if self.nearest:
                data = load_training_images(model, self.model, self.data_dir)
        if not team.ranks.is_first:  # draws its share, and writes nothing
            has_states = not self.nearest
            model.sample(self.num, self.seed, self.draw, has_states, label=self.label)
            return 0
        if not self.nearest:
            write_samples(model, self.out, self.num, self.seed, self.draw, self.label)
            print(f"wrote {self.num} samples to {self.out}")
            return 0
        distance = write_nearest(model, data, self.out, self.num, self.seed, self.draw, self.label)
        print(
            f"wrote {self.num} samples above the nearest of {len(data):,} training images to "
            f"{self.out}: distances {distance.min():.3f} to {distance.max():.3f}, "
            f"mean {distance.mean():.3f}"
        )
        return 0
