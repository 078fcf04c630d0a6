"""`gcgen inspect`: draw what a model has learned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from tyro.conf import Positional

from agents.cli.checks import check_at_least, check_seed, reading_input
from agents.cli.image_options import ImageOptions
from agents.cli.outputs import check_output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agents.gcgen import GCGen
    from gcgen_env.model.s_agent import SAgent

Sampler = TypeVar("Sampler", bound="GCGen | SAgent")


@dataclass(frozen=True, kw_only=True)
class Inspect(ImageOptions):
    """Draw a model's first choices, what its steps gain, or the use of its proposals.

    `atlas` is the tree of the most probable first choices, each with the mean of images that are
    drawn from there. `steps` shows images on their way, and below them what each step gains, how
    far the GC-agent's choice differs from the S-agent's, and how many proposals are in use.
    `usage` shows how often each proposal is chosen.
    """

    what: Positional[Literal["atlas", "steps", "usage"]]
    """What to draw."""
    model: Path
    """The folder of a run, or a model.gcgen; for `atlas` also an s_agent.safetensors."""
    num: int = 1000
    """Number of images, the first ones, for `steps` and `usage`."""
    branches: tuple[int, ...] = (6, 3)
    """Number of choices that `atlas` follows at the first step, the second one, and so on."""
    seed: int = 0
    """Seed of the draws."""
    out: Path = Path("inspect.png")
    """Where to write the picture, a .png."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.models import load_sampler

        with reading_input():
            check_output(self.out, self.overwrite, suffixes=(".png",), inputs=self.inputs)
            check_at_least(1, num=self.num)
            check_seed(self.seed)
            if self.what == "atlas":
                self._draw_atlas(check_shape(load_sampler(self.model, self.device)))
                return 0
            model = check_shape(self.load_model())
            images = self.read_images(model, self.num)
        self._draw_steps(model, images)
        return 0

    def _draw_atlas(self, model: GCGen | SAgent) -> None:
        """Draw the tree of the first choices."""
        from agents.cli.pictures import write_atlas
        from agents.inspection import grow_atlas

        root = grow_atlas(model, self.branches, seed=self.seed)
        write_atlas(model, root, self.out)
        print(f"wrote the atlas, {len(self.branches)} levels deep, to {self.out}")

    def _draw_steps(self, model: GCGen, images: NDArray[np.float32]) -> None:
        """Draw the steps, or the use of proposals."""
        from agents.cli.pictures import write_steps, write_usage
        from agents.inspection import measure_steps

        report = measure_steps(model, images, self.seed)
        (write_steps if self.what == "steps" else write_usage)(model, report, self.out)
        print(f"wrote the {self.what} of {len(images):,} images to {self.out}")


def check_shape(model: Sampler) -> Sampler:
    """Return a model; raise a ValueError if its data are points."""
    if len(model.chain.shape) != 3:
        raise ValueError("gcgen inspect draws images, and this model's data are points")
    return model
