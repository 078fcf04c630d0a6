"""`gcgen reconstruct`: draw images and their reconstructions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agents.cli.checks import check_at_least, reading_input
from agents.cli.image_options import ImageOptions
from agents.cli.outputs import check_output
from agents.gcgen.search_names import Search


@dataclass(frozen=True, kw_only=True)
class Reconstruct(ImageOptions):
    """Draw images above their reconstructions by the two agents."""

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

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.pictures import write_reconstructions

        with reading_input():
            check_output(self.out, self.overwrite, suffixes=(".png",), inputs=self.inputs)
            check_at_least(1, num=self.num, width=self.width)
            model = self.load_model()
            goals = self.read_images(model, self.num)
        write_reconstructions(model, goals, self.out, self.search, self.width)
        print(f"wrote {len(goals)} goals and their reconstructions to {self.out}")
        return 0
