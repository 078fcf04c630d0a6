"""Judges the samples of trials, and real images in their place, with `agents.evaluation`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.distances import import_metrics
from agents.evaluation.embedding import find_embedding
from agents.evaluation.judge import Judge, Scores, take_all
from agents.evaluation.sets import choose_sets
from gcgen_env.atomic_files import write_json
from gcgen_env.datasets import DataSource, find_nearest

Images = NDArray[np.float32]
SCORES = "scores.json"
"""File in the folder of a trial: the figures of its samples."""
REAL = "real"
"""Folder of real images in place of samples."""
NEAREST = 256
"""Largest number of samples whose nearest training image is looked for."""


class SampleJudge:
    """Compares samples with the test images, which it looks at when they are first needed.

    The sets of images are those of `gcgen evaluate --full`.
    """

    def __init__(self, data: DataSource, num: int) -> None:
        """Choose the images to compare with.

        Args:
            data: The images.
            num: Wanted number of samples; there are at most half as many as training images.

        Raises:
            ValueError: If there are too few images, or torchmetrics is not installed.
        """
        import_metrics()
        self.train = data.split("train")
        self.sets = choose_sets(self.train, data.split("test"), num)
        self.num = len(self.sets.real)

    @cached_property
    def judge(self) -> Judge:
        """The judge, which has looked at the test images."""
        return Judge(self.sets, find_embedding(self.train.name, take_all(self.sets.reference)))

    def score_real(self, out: Path) -> None:
        """Score training images: a perfect model would have these figures."""
        write_samples(out / REAL, take_all(self.sets.real))
        self.score(out / REAL)

    def score(self, folder: Path) -> None:
        """Write the figures of a folder's samples, unless that is done."""
        if (folder / SCORES).is_file():
            return
        images = read_samples(folder)
        scores = self.judge.judge(folder.name, images)
        other = self.sets.training  # none of them stands in the row of real images
        nearest = float(find_nearest(images[:NEAREST], other).distance.mean())
        figures = {**describe_scores(scores), "nearest": nearest}
        write_json(folder / SCORES, {**figures, "features": self.judge.embedding.name})


def describe_scores(scores: Scores) -> dict[str, Any]:
    """Return figures as JSON values."""
    copies = None if scores.memorisation is None else scores.memorisation._asdict()
    figures = {"images": scores.num_images, "fid": scores.fid, "kid": scores.kid.mean}
    return {**figures, **scores.prdc._asdict(), "memorisation": copies}


def find_samples(folder: Path) -> Path:
    """Return the file of a trial's samples; its name is a column of `gcgen evaluate --beside`."""
    return folder / f"{folder.name}.npy"


def write_samples(folder: Path, images: Images) -> None:
    """Write samples, shape (N, *S)."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(find_samples(folder), images)


def read_samples(folder: Path) -> Images:
    """Read samples, shape (N, *S)."""
    return np.load(find_samples(folder))
