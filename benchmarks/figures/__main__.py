"""Draws the pictures of README and docs/ again.

python -m benchmarks.figures --only 'guide_*' inspect_atlas

`make figures` draws all of them, which takes an hour and more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from agents.benchmark.tasks import SUITE_IDS
from benchmarks.figures import drawing, theory
from benchmarks.figures.commands import COMMANDS, draw, prepare_inputs
from benchmarks.figures.programs import (
    draw_benchmark,
    draw_classes,
    draw_emoji,
    draw_episode,
    draw_models,
    draw_scaling,
    draw_suite,
    draw_trajectories,
)
from benchmarks.studio.pictures import SCENES, take_picture
from benchmarks.suite.pictures import name_page
from benchmarks.trials import choose_names

FOLDER = Path(__file__).parents[2] / "docs" / "images"
"""Where the pictures lie."""
STUDIO = {f"studio/{scene}": scene for scene in SCENES}
"""The pictures of the studio, and what is done for each."""
SLOW = ("emoji", "comparison", *STUDIO)
"""Pictures that need a long training, data or a browser; drawn only if named, or with --all."""


def list_pictures(inputs: Path) -> dict[str, Callable[[Path], None]]:
    """Return the function that draws each picture to a file, given the folder of inputs.

    A name without suffix is that of a PNG.
    """
    pages = map(name_page, SUITE_IDS)
    return {
        **{name: partial(draw, name, inputs) for name in COMMANDS},
        "drawing.gif": drawing.write,
        "loop.svg": theory.draw_loop,
        "bound.svg": theory.draw_bound,
        "episode.gif": draw_episode,
        "mnist_trajectory": draw_trajectories,
        "scaling": draw_scaling,
        "guide_tradeoff": draw_classes,
        "benchmark_previews": partial(draw_benchmark, "previews"),
        **{f"suite_{page}": partial(draw_suite, page) for page in pages},
        "emoji": draw_emoji,
        "comparison": draw_models,
        **{name: partial(take_picture, scene) for name, scene in STUDIO.items()},
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Read the options and draw."""
    parser = argparse.ArgumentParser("benchmarks.figures", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", nargs="+", metavar="PATTERN", help="names or patterns")
    which.add_argument("--all", action="store_true", help="those too that take hours")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the pictures")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    with TemporaryDirectory() as inputs:
        pictures = list_pictures(Path(inputs))
        usual = [name for name in pictures if options.all or name not in SLOW]
        try:
            names = choose_names(list(pictures), options.only) if options.only else usual
        except ValueError as error:
            parser.error(str(error).replace("variant", "picture"))
        if set(names) & set(COMMANDS):
            prepare_inputs(Path(inputs))
        for i, name in enumerate(names):
            path = options.out / (name if Path(name).suffix else f"{name}.png")
            print(f"[{i + 1}/{len(names)}] {path}", file=sys.stderr, flush=True)
            try:
                pictures[name](path)
            except FileNotFoundError as error:  # data, or a browser
                parser.exit(1, f"{name}: {error}\n")


if __name__ == "__main__":
    main()
