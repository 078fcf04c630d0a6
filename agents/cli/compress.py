"""`gcgen compress`: write images as a file of codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from agents.cli.checks import check_at_least, check_seed, reading_input
from agents.cli.image_options import ImageOptions
from agents.cli.outputs import check_output
from agents.cli.together import Team, sharing_work
from agents.gcgen.search_names import Search
from gcgen_env.atomic_files import write_bytes


@dataclass(frozen=True, kw_only=True)
class Compress(ImageOptions):
    """Write images as a file of codes, with or without loss.

    The GC-agent chooses each code, and an arithmetic coder stores its choices with the
    probabilities of the S-agent, which `gcgen decompress` needs to read them.
    """

    images: Positional[Path | None] = None
    """A .npy, .npz or folder of images, resized to the model's; by default the data set's."""
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
    processes: int = 1
    """Processes on this machine that share the work; the results do not depend on it."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        with sharing_work(self.processes) as team:
            return self._run(team)

    def _run(self, team: Team) -> int:
        """Compress as one of some processes."""
        import numpy as np

        from agents.cli.measurement import hash_file
        from agents.cli.models import find_model, load_model
        from agents.codec.codec import compress
        from agents.distributed.data_note import find_checksum
        from gcgen_env.model.likelihoods import binarize

        with team.reading_input() as alike:
            check_output(self.out, self.overwrite, suffixes=(".gcz",), inputs=self.inputs)
            check_at_least(1, num=self.num, width=self.width)
            check_seed(self.seed)
            model = load_model(self.model, team.choose_device(self.device))
            model.turns = team.ranks.take_turns
            goals = self.read_images(model, self.num)
            if self.binarize:
                goals = binarize(goals, np.random.default_rng(self.seed))
            alike |= {
                "model": hash_file(find_model(self.model)),
                "images": find_checksum(goals),
            }
        with reading_input():  # from here on the processes exchange batches
            payload = compress(model, goals, self.lossless, self.search, self.width)
        if team.ranks.is_first:
            write_bytes(self.out, payload)
        bits = 8 * len(payload)
        print(
            f"wrote {len(goals)} images to {self.out}, {len(payload):,} bytes: "
            f"{bits / len(goals):.1f} bits an image, {bits / goals.size:.4f} a value"
        )
        return 0
