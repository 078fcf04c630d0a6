"""Writer of prepared folders, whose images stay on disk in training; see `mapped`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from gcgen_env.datasets.dataset import SPLITS, split_indices
from gcgen_env.datasets.folder_survey import Survey, Track
from gcgen_env.datasets.mapped import KIND, RECORD
from gcgen_env.datasets.prepared import Prepared, list_left_out

BATCH = 4096
"""Number of images that are copied at once."""


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Return a new folder beside `path` that takes its place at the end, or is removed.

    Raises:
        OSError: If a folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if path.exists():
            shutil.rmtree(path)
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_folder(
    prepared: Prepared, survey: Survey, folder: Path, track: Track = iter
) -> dict[str, int]:
    """Write the images as files that are mapped into memory; return the sizes of the splits.

    For each split the folder holds the images (`train.npy`, shape (N, C, side, side), uint8),
    their mean (`train_mean.npy`), the names of their files (`train_names.txt`) and, with classes,
    their labels (`train_labels.npy`), whose names are in `dataset.json`. `left_out.txt` says which
    files are missing, and why.

    Args:
        prepared: The images.
        survey: Where they come from.
        folder: An empty folder.
        track: Called once with the batches that are written.

    Raises:
        OSError: If a file cannot be written.
    """
    indices = {split: split_indices(len(prepared.order), split) for split in SPLITS}
    parts = [(split, first) for split in SPLITS for first in range(0, len(indices[split]), BATCH)]
    channels = 1 if prepared.is_grey else 3
    shape = (channels, prepared.side, prepared.side)
    files = {
        split: np.lib.format.open_memmap(
            folder / f"{split}.npy", mode="w+", dtype=np.uint8, shape=(len(index), *shape)
        )
        for split, index in indices.items()
    }
    totals = {split: np.zeros(shape) for split in SPLITS}
    digests = {
        split: hashlib.sha256(f"{file.shape} uint8 ".encode()) for split, file in files.items()
    }
    for split, first in track(parts):
        images = prepared.take(indices[split][first : first + BATCH])  # (n, side, side[, 3])
        images = images.reshape(len(images), *shape[1:], channels).transpose(0, 3, 1, 2)
        images = np.ascontiguousarray(images)
        files[split][first : first + len(images)] = images
        totals[split] += images.sum(0, dtype=np.float64)
        digests[split].update(images.data)
    labels = prepared.labels()
    names = [survey.name(source) for source in prepared.paths]
    for split, index in indices.items():
        files[split].flush()
        mean = totals[split] / (255 * len(index))
        np.save(folder / f"{split}_mean.npy", mean.astype(np.float32))
        _write_lines(folder / f"{split}_names.txt", [names[i] for i in index])
        if labels is not None:
            np.save(folder / f"{split}_labels.npy", labels[index])
    _write_lines(folder / "left_out.txt", list_left_out(prepared, survey))
    record = {
        "kind": KIND,
        "label_names": prepared.class_names() or None,
        "sha256": {split: digest.hexdigest() for split, digest in digests.items()},
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return {split: len(index) for split, index in indices.items()}


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
