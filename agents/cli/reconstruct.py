"""`gcgen reconstruct`: draw what the two agents make of given images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.cli.checks import check_at_least, check_suffix
from agents.cli.models import load_model, read_images, take_split
from agents.cli.pictures import write_reconstructions


@dataclass(frozen=True)
class Reconstruct:
    """Draw images above what the two agents rebuild of them."""

    model: Path
    """A model.gcgen."""
    images: Path | None = None
    """A .npy, .npz or folder of images, resized to the model's; else those of the data set."""
    split: Literal["train", "validation", "test"] = "test"
    """Which images of the data set."""
    num: int = 16
    """How many, the first ones."""
    search: Literal["none", "two_step", "three_step", "beam"] = "none"
    """Look further ahead than the GC-agent does."""
    width: int = 8
    """Proposals or partial paths that the search keeps."""
    out: Path = Path("reconstructions.png")
    """Where to write the picture."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved."""
    device: str = "auto"
    """Torch device."""

    def run(self) -> int:
        """Run the command; returns its exit code."""
        check_suffix(self.out, (".png",))
        check_at_least("num", self.num, 1)
        check_at_least("width", self.width, 1)
        model = load_model(self.model, self.device)
        if self.images is None:
            goals = take_split(model, self.split, self.num, self.data_dir)
        else:
            goals = read_images(self.images, model.chain.shape, self.num)
        write_reconstructions(model, goals, self.out, self.search, self.width)
        print(f"wrote {len(goals)} goals and their reconstructions to {self.out}")
        return 0
