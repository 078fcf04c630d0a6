"""Learn from a folder of your own pictures: prepare them, train, and look at new ones."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import tyro
from PIL import Image, ImageDraw

from agents import BoundProgressBar, GCGen
from gcgen_env.datasets import SPLITS, find_nearest, load_dataset
from gcgen_env.datasets.folder_survey import survey_folder
from gcgen_env.datasets.prepared import prepare_images, write_archive
from gcgen_env.datasets.size_advice import suggest_side
from gcgen_env.viewer import nearest_grid, reconstruction_grid, save_png

OUT = Path("runs/own_images")


def main(folder: Path | None = None, minutes: float = 3.0, out: Path = OUT) -> GCGen:
    """Train on the pictures of a folder and draw new ones; Ctrl-C ends the training early.

    Args:
        folder: Pictures, also in sub-folders; by default discs that this program draws.
        minutes: Training time.
        out: Folder of the data set, the model and its pictures.
    """
    survey, data = survey_folder(folder or draw_discs(out / "discs")), out / "images.npz"
    prepared = prepare_images(survey, suggest_side(survey.median_side))  # as `gcgen prepare`
    print(write_archive(prepared, survey, data), f"{len(prepared.broken)} files cannot be read")
    train, validation, test = (load_dataset(data, split) for split in SPLITS)
    model = GCGen("GCPolicy", "GCGen-Images-v0", env_kwargs={"dataset": str(data)}, seed=0)
    with suppress(KeyboardInterrupt):
        model.learn(10**12, BoundProgressBar(), max_minutes=minutes)
    if len(validation) < len(train):  # fewer than 20 images are not divided
        model.fit_sigma(validation.take(np.arange(len(validation))[:256]))  # honest bits
    model.save(out / "model.gcgen")  # for `gcgen sample`, `reconstruct` and `evaluate`
    samples, goals = model.sample(32, seed=0), test.take(np.arange(len(test))[:32])
    item, distance = find_nearest(samples, train)
    save_png(nearest_grid(samples, train.take(item), distance), out / "samples.png")
    save_png(reconstruction_grid(goals, model.reconstruct(goals)), out / "reconstructions.png")
    print(f"{model.evaluate_nll(goals)}; see samples.png and reconstructions.png in {out}")
    return model


def draw_discs(folder: Path) -> Path:
    """Draw 500 discs of random place, size and colour, as PNG files of 16x16 pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, (x, y, size, *fill) in enumerate(np.random.default_rng(0).integers(8, size=(500, 6))):
        picture, box = Image.new("RGB", (16, 16)), (x, y, x + 4 + size // 2, y + 4 + size // 2)
        ImageDraw.Draw(picture).ellipse(box, tuple(80 + 25 * int(c) for c in fill))
        picture.save(folder / f"{i}.png")
    return folder


if __name__ == "__main__":
    tyro.cli(main)
