"""`gcgen edit`: draw edits of an image's code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from agents.cli.checks import check_at_least, check_seed, reading_input
from agents.cli.image_options import ImageOptions
from agents.cli.outputs import check_output


@dataclass(frozen=True, kw_only=True)
class Edit(ImageOptions):
    """Draw edits of an image's code: the rest drawn anew, one choice changed, a walk.

    `resample` keeps the first choices and draws the others anew. `change` replaces one choice by
    the most probable others. `interpolate` walks to a second image. `begin` starts from a canvas
    on the way to the image and draws the remaining choices.
    """

    how: Positional[Literal["resample", "change", "interpolate", "begin"]]
    """What to do with the code."""
    index: int = 0
    """Which image is edited, counted from 0."""
    to: int = 1
    """Which image `interpolate` walks to, counted from 0."""
    num: int = 8
    """Number of results in a row."""
    seed: int = 0
    """Seed of the draws."""
    out: Path = Path("edit.png")
    """Where to write the picture, a .png."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.edit_rows import EDITS
        from agents.cli.pictures import write_rows

        with reading_input():
            check_output(self.out, self.overwrite, suffixes=(".png",), inputs=self.inputs)
            check_at_least(0, index=self.index, to=self.to)
            check_at_least(2, num=self.num)
            check_seed(self.seed)
            model = self.load_model()
            if len(model.chain.shape) != 3:
                raise ValueError("gcgen edit draws images, and this model's data are points")
            others = model.chain.num_proposals - 1
            if self.how == "change" and self.num > others:
                raise ValueError(f"a choice has {others} others: give --num {others} or less")
            last = max(self.index, self.to) if self.how == "interpolate" else self.index
            found = self.read_images(model, last + 1)
            if len(found) <= last:
                raise ValueError(f"there is no image {last}: there are {len(found)}, from 0 on")
            pair = found[[self.index, min(self.to, last)]]  # (2, *S)
        write_rows(model, EDITS[self.how](model, pair, self.num, self.seed), self.out)
        print(f"wrote {self.how} of image {self.index} to {self.out}")
        return 0
