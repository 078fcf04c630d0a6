"""`gcgen prepare`: report what a folder of images holds, and make a data set of it."""

from __future__ import annotations

import shlex
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from agents.cli.checks import check_at_least, reading_input
from agents.cli.outputs import as_argument, check_folder, check_output
from gcgen_env.datasets.mapped import RECORD
from gcgen_env.datasets.size_advice import SMALLEST
from gcgen_env.datasets.squares import Fit
from gcgen_env.limits import MAX_BYTES

if TYPE_CHECKING:
    from gcgen_env.datasets.folder_survey import Survey, Track
    from gcgen_env.datasets.image_files import Colour
    from gcgen_env.datasets.prepared import Prepared

SQUARES = "squares.npy"
"""File in a folder that is being written: the images in the order in which they are read."""


@dataclass(frozen=True)
class Prepare:
    """Report what a folder of images holds, and make a data set of it.

    Every file is read, in sub-folders too: PNG, JPEG, WebP, GIF and BMP. With --out, the images
    are written as squares of one size, in splits for training, validation and test.
    """

    folder: Positional[Path]
    """The folder; its files are not changed."""
    size: int | None = None
    """Height and width of the images; by default a size that suits those in the folder."""
    fit: Fit = "crop"
    """How a rectangle becomes a square: crop keeps its middle, pad adds borders, squeeze
    distorts."""
    background: str = "white"
    """Colour behind transparent pixels and of borders, by its English name or as #rrggbb."""
    out: Path | None = None
    """Where to write the data set: a .npz file, which is loaded into memory, or a new folder, a
    name without a suffix, whose images stay on disk. Other commands accept both."""
    overwrite: bool = False
    """Replace the file or the data set's folder if it exists."""
    max_bytes: int = MAX_BYTES
    """Most bytes that all images may take in memory; a single file may decode to a sixteenth."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.prepare_report import describe, find_notes
        from gcgen_env.datasets.folder_survey import survey_folder

        with reading_input():
            check_at_least(SMALLEST, size=self.size)
            check_at_least(1, max_bytes=self.max_bytes)
            background = read_colour(self.background)
            if self.out is not None:
                self._check_out(self.out)
            survey = survey_folder(self.folder, show_progress("looking through the folder"))
        with self._workspace() as workspace:  # renamed to --out once it is complete
            with reading_input():
                prepared = self._prepare(survey, background, workspace)
            print("\n".join(describe(survey, prepared)))
            for note in find_notes(survey, prepared):
                print(f"note: {note}", file=sys.stderr)
            done = self._finish(survey, prepared, workspace)
        print("\n".join(done))
        return 0

    def _check_out(self, out: Path) -> None:
        """Raise a ValueError unless the data set can be written."""
        if out.suffix:
            check_output(out, self.overwrite, suffixes=(".npz",))
        else:
            check_folder(out, self.overwrite, RECORD, inputs=[self.folder])

    def _workspace(self) -> AbstractContextManager[Path | None]:
        """Return the folder that is being written; None if it is a file, or nothing."""
        from gcgen_env.datasets.prepared_folder import writing_folder

        if self.out is None or self.out.suffix:
            return nullcontext()
        return writing_folder(self.out)

    def _prepare(self, survey: Survey, background: Colour, workspace: Path | None) -> Prepared:
        """Make squares of all images."""
        from gcgen_env.datasets.prepared import prepare_images
        from gcgen_env.datasets.size_advice import suggest_side

        side = suggest_side(survey.median_side) if self.size is None else self.size
        track = show_progress("reading images")
        file = None if workspace is None else workspace / SQUARES
        return prepare_images(survey, side, self.fit, background, self.max_bytes, track, file)

    def _finish(self, survey: Survey, prepared: Prepared, workspace: Path | None) -> list[str]:
        """Write the data set, if it is wanted; return what was done, and the next command."""
        from agents.cli.prepare_report import show_bytes, suggest_training
        from gcgen_env.datasets.prepared import write_archive
        from gcgen_env.datasets.prepared_folder import write_folder

        if self.out is None:
            return ["to make a data set of it:", f"    {self._suggest_writing(prepared.side)}"]
        if workspace is None:
            sizes = write_archive(prepared, survey, self.out)
            num_bytes = self.out.stat().st_size
        else:
            track = show_progress("writing images")
            sizes = write_folder(prepared, survey, workspace, track)
            (workspace / SQUARES).unlink()  # their copies are in the splits now
            num_bytes = sum(file.stat().st_size for file in workspace.iterdir())
        counts = ", ".join(f"{split} {count:,}" for split, count in sizes.items())
        return [
            f"wrote {self.out}, {show_bytes(num_bytes)}: {counts}",
            "to train on it:",
            f"    {suggest_training(prepared, self.out)}",
        ]

    def _suggest_writing(self, side: int) -> str:
        """Return the command that writes what this one has reported."""
        words = [
            "gcgen",
            "prepare",
            as_argument(self.folder),
            "--size",
            str(side),
            "--fit",
            self.fit,
        ]
        words += ["--background", self.background]
        name = self.folder.resolve().name or "images"
        if self.max_bytes != MAX_BYTES:
            words += ["--max-bytes", str(self.max_bytes)]
        return shlex.join([*words, "--out", as_argument(Path(f"{name}.npz"))])


def read_colour(text: str) -> Colour:
    """Return the red, green and blue of a colour's name.

    Raises:
        ValueError: If it is no opaque colour.
    """
    from PIL import ImageColor

    try:
        levels: tuple[int, ...] = ImageColor.getrgb(text)
    except ValueError:
        levels = ()
    if len(levels) != 3:  # a fourth one is its opacity
        raise ValueError(
            f"--background must be an opaque colour such as white, black or #ff8800, got {text!r}"
        )
    red, green, blue = levels
    return red, green, blue


def show_progress(text: str) -> Track:
    """Return a function that passes files on and shows on a terminal how many are done."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return lambda paths: track(
        paths, text, console=console, transient=True, disable=not console.is_terminal
    )
