"""`gcgen reconstruct`: draw images and their reconstructions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.cli.checks import check_at_least, reading_input
from agents.cli.outputs import check_output
from agents.gcgen.search_names import Search


@dataclass(frozen=True)
class Reconstruct:
    """Draw images above their reconstructions by the two agents."""

    model: Path
    """The folder of a run, or a model.gcgen."""
    images: Path | None = None
    """A .npy, .npz or folder of images, resized to the model's; by default the data set's."""
    split: Literal["train", "validation", "test"] = "test"
    """Split of the data set."""
    num: int = 16
    """Number of images: the first ones are taken."""
    search: Search = "none"
    """Search that looks further ahead than the GC-agent does."""
    width: int = 8
    """Number of proposals or partial paths that the search keeps."""
    out: Path = Path("reconstructions.png")
    """Where to write the picture, a .png."""
    overwrite: bool = False
    """Replace the file if it exists."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved since training."""
    device: str = "auto"
    """Torch device."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.models import load_model, read_images, take_split
        from agents.cli.pictures import write_reconstructions

        with reading_input():
            inputs = [self.model, *filter(None, [self.images])]
            check_output(self.out, self.overwrite, suffixes=(".png",), inputs=inputs)
            check_at_least(1, num=self.num, width=self.width)
            model = load_model(self.model, self.device)
            if self.images is None:
                goals = take_split(model, self.split, self.num, self.data_dir)
            else:
                goals = read_images(self.images, model.chain.shape, self.num)
        write_reconstructions(model, goals, self.out, self.search, self.width)
        print(f"wrote {len(goals)} goals and their reconstructions to {self.out}")
        return 0
