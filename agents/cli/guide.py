"""`gcgen guide`: draw images that fit a class, a part of an image, a small one or another one."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from tyro.conf import arg

from agents.cli.checks import check_at_least, check_seed, reading_input
from agents.cli.interrupts import EXIT_CODE
from agents.cli.outputs import check_output

if TYPE_CHECKING:
    from agents.cli.guide_inputs import Wish
    from agents.gcgen import GCGen
    from agents.guidance import GuidedSample
    from gcgen_env.model.s_agent import SAgent

SUFFIXES = (".npy", ".png")


@dataclass(frozen=True)
class Guide:
    """Draw images that fit a class, a part of an image, a small one or another one.

    Several wishes at once are added up. Nothing is trained: proposals that lead to what is wanted
    are chosen more often.
    """

    model: Path
    """The folder of a run, a model.gcgen or an s_agent.safetensors."""
    label: Annotated[int | None, arg(name="class")] = None
    """A class of a model that was trained with --condition label, or a digit for any of MNIST."""
    inpaint: Path | None = None
    """An image whose hidden part is to be filled in; --mask says which part."""
    mask: Path | None = None
    """An image of the same size, bright where pixels are hidden."""
    superresolve: Path | None = None
    """A small image; its sides must divide those of the model's images."""
    variations: Path | None = None
    """An image; a smaller --scale allows larger differences."""
    strokes: Path | None = None
    """A drawing of edges, bright on black."""
    num: int = 5
    """Number of answers."""
    candidates: int | None = None
    """Draw as many, and keep the answers that are nearest to all of them on average: of filled-in
    pixels a typical answer has the smaller error. By default all that are drawn are kept."""
    scale: float = 1.0
    """How much the wishes count against the model's own probabilities; 1 suits most."""
    particles: int = 8
    """Trajectories that are compared for each answer; the time grows with it."""
    seed: int = 0
    """Seed of the draws."""
    nucleus: float | None = None
    """Draw from the most probable proposals of each step alone, which have this share of p_S:
    images are often clearer, and less various. By default all proposals, or those of the model's
    environment."""
    out: Path = Path("guided.png")
    """A .png with what is given and the answers, or a .npy array (num, C, height, width)."""
    overwrite: bool = False
    """Replace the file if it exists."""
    device: str = "auto"
    """Torch device."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.models import load_sampler, prune
        from agents.guidance import GuidanceInterrupted, WeightedSum, sample_guided

        with reading_input():
            self._check()
            model = prune(load_sampler(self.model, self.device), self.nucleus)
            wishes = self._read_wishes(model)
            chain = model.chain.given(self.label) if model.chain.num_classes else model.chain
            guidance = WeightedSum([(wish.weight, wish.guidance) for wish in wishes])
        options = (self.candidates or self.num, guidance, self.scale, self.particles, self.seed)
        try:
            sample = sample_guided(chain, *options)
            sample = sample if self.candidates is None else sample.typical(self.num)
        except GuidanceInterrupted as interrupt:
            assert interrupt.partial is not None
            kept = interrupt.partial  # complete images
            if self.candidates is not None and len(kept) > self.num:
                kept = kept.typical(self.num)
            if len(kept):
                self._write(model, wishes, kept)
            print(f"interrupted: kept {len(kept)} answers", file=sys.stderr)
            return EXIT_CODE
        self._write(model, wishes, sample)
        return 0

    def _check(self) -> None:
        """Raise a ValueError unless the options are valid."""
        given = [self.inpaint, self.mask, self.superresolve, self.variations, self.strokes]
        files = [path for path in given if path is not None]
        check_output(self.out, self.overwrite, suffixes=SUFFIXES, inputs=[self.model, *files])
        check_at_least(1, num=self.num, particles=self.particles)
        check_seed(self.seed)
        if self.candidates is not None and self.candidates < self.num:
            raise ValueError(f"--candidates must be at least --num, got {self.candidates}")
        if not math.isfinite(self.scale):
            raise ValueError(f"--scale must be a finite number, got {self.scale}")
        if (self.inpaint is None) != (self.mask is None):
            raise ValueError("--inpaint and --mask belong together: give both or neither")
        if self.label is None and not files:
            raise ValueError(
                "nothing is wished for: give --class, --inpaint with --mask, --superresolve, "
                "--variations or --strokes"
            )

    def _read_wishes(self, model: GCGen | SAgent) -> list[Wish]:
        """Read the images that are given."""
        from agents.cli import guide_inputs as inputs

        chain, config = model.chain, getattr(model, "env_config", None)
        dataset = None if config is None else config.dataset
        if len(chain.shape) != 3:
            raise ValueError(
                f"gcgen guide needs a model of images, and this one is of {chain.shape}"
            )
        wishes = [] if self.label is None else [inputs.wish_class(self.label, chain, dataset)]
        if self.inpaint is not None and self.mask is not None:
            wishes.append(inputs.wish_visible(self.inpaint, self.mask, chain))
        pairs = (
            (self.superresolve, inputs.wish_small),
            (self.variations, inputs.wish_near),
            (self.strokes, inputs.wish_strokes),
        )
        return wishes + [wish(path, chain) for path, wish in pairs if path is not None]

    def _write(self, model: GCGen | SAgent, wishes: list[Wish], sample: GuidedSample) -> None:
        """Write the answers, and say what they have cost."""
        from agents.cli.pictures import find_range, write_array
        from agents.guidance.scorers.own_class import OwnClass
        from gcgen_env.viewer import labelled_grid, save_png

        scores = sample.scores.round(1) + 0.0  # 0.0 instead of -0.0
        is_own = all(isinstance(wish.guidance, OwnClass) for wish in wishes)
        if self.out.suffix.lower() == ".npy":
            write_array(sample.images, self.out)
        else:
            given = [(wish.label, wish.shown) for wish in wishes if wish.shown is not None]
            shown = [image for _, image in given]
            answers = ["" if is_own else f"{score:.1f}" for score in scores]
            labels = [label for label, _ in given] + answers
            tiles = np.stack([*shown, *sample.images])
            save_png(labelled_grid(tiles, labels, **find_range(model)), self.out)
        print(f"wrote {len(sample)} answers to {self.out}")
        if is_own:
            print("the model draws this class by itself: nothing had to be scored")
            return
        print(
            f"mean score {scores.mean():.1f} nats, {sample.calls:,} images scored by "
            f"{sample.guidance}"
        )
        if self.label is not None and not model.chain.num_classes:
            from agents.guidance.classifier import load_shipped

            found = load_shipped("mnist_judge").log_prob(sample.images).argmax(1)
            hits = int((found == self.label).sum())
            print(f"a classifier that has not guided reads {hits} of {len(sample)} as {self.label}")
