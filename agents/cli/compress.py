"""`gcgen compress`: write images as a file of codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from agents.cli.checks import check_at_least, check_seed, reading_input
from agents.cli.outputs import check_output
from agents.gcgen.search_names import Search
from gcgen_env.atomic_files import write_bytes


@dataclass(frozen=True)
class Compress:
    """Write images as a file of codes, with or without loss.

    The GC-agent chooses each code, and an arithmetic coder stores its choices with the
    probabilities of the S-agent, which `gcgen decompress` needs to read them.
    """

    model: Path
    """The folder of a run, or a model.gcgen."""
    images: Positional[Path | None] = None
    """A .npy, .npz or folder of images, resized to the model's; by default the data set's."""
    split: Literal["train", "validation", "test"] = "test"
    """Split of the data set."""
    num: int | None = None
    """Number of images: the first ones are taken; by default all."""
    lossless: bool = False
    """Also store what is missing to the exact images."""
    binarize: bool = False
    """Draw binary images from grey ones first, as training does with a Bernoulli likelihood."""
    seed: int = 0
    """Seed of the binarisation."""
    search: Search = "none"
    """Search that looks further ahead than the GC-agent does."""
    width: int = 8
    """Number of proposals or partial paths that the search keeps."""
    out: Path = Path("images.gcz")
    """Where to write the file of codes."""
    overwrite: bool = False
    """Replace the file if it exists."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved since training."""
    device: str = "auto"
    """Torch device."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        import numpy as np

        from agents.cli.models import load_model, read_images, take_split
        from agents.codec.codec import compress
        from gcgen_env.model.likelihoods import binarize

        with reading_input():
            inputs = [self.model, *filter(None, [self.images])]
            check_output(self.out, self.overwrite, suffixes=(".gcz",), inputs=inputs)
            check_at_least(1, num=self.num, width=self.width)
            check_seed(self.seed)
            model = load_model(self.model, self.device)
            if self.images is None:
                goals = take_split(model, self.split, self.num, self.data_dir)
            else:
                goals = read_images(self.images, model.chain.shape, self.num)
            if self.binarize:
                goals = binarize(goals, np.random.default_rng(self.seed))
            payload = compress(model, goals, self.lossless, self.search, self.width)
        write_bytes(self.out, payload)
        bits = 8 * len(payload)
        print(
            f"wrote {len(goals)} images to {self.out}, {len(payload):,} bytes: "
            f"{bits / len(goals):.1f} bits an image, {bits / goals.size:.4f} a value"
        )
        return 0
