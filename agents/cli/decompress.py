"""`gcgen decompress`: read a file of codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from agents.cli.checks import check_at_least, reading_input
from agents.cli.outputs import check_output
from gcgen_env.limits import MAX_BYTES


@dataclass(frozen=True)
class Decompress:
    """Read a file of codes with the S-agent that wrote it.

    Lossless files give the exact images; the array then holds bytes, or bool for binary images.
    """

    file: Positional[Path]
    """A file that `gcgen compress` wrote."""
    model: Path
    """The folder of the run, a model.gcgen, or its s_agent.safetensors."""
    steps: int | None = None
    """Number of choices to decode, for coarser images; by default all, and the exact images."""
    out: Path = Path("images.npy")
    """A .npy array (num, C, height, width), or a .png grid."""
    overwrite: bool = False
    """Replace the file if it exists."""
    max_bytes: int = MAX_BYTES
    """Most bytes that the images may take."""
    device: str = "auto"
    """Torch device."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.models import load_sampler
        from agents.cli.pictures import write_images
        from agents.codec.codec import decompress

        with reading_input():
            inputs = [self.model, self.file]
            check_output(self.out, self.overwrite, suffixes=(".npy", ".png"), inputs=inputs)
            check_at_least(0, steps=self.steps)
            check_at_least(1, max_bytes=self.max_bytes)
            model = load_sampler(self.model, self.device)
            payload, name = self.file.read_bytes(), str(self.file)
            found = decompress(model, payload, self.steps, name, self.max_bytes)
        write_images(model, found.images, self.out)
        print(f"wrote {len(found.images)} images of {found.codes.shape[1]} choices to {self.out}")
        return 0
