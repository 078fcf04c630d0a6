"""One trial: train a model of images with one seed, measure it, and draw its sheets."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.common.provenance import describe_machine, find_commit
from agents.common.versions import find_versions
from benchmarks.compare.contenders import Contender, Encoder, Variant
from benchmarks.compare.quality import write_samples
from benchmarks.trials import RESULT
from gcgen_env.atomic_files import write_json
from gcgen_env.datasets import SPLITS, Dataset, DataSource, find_nearest
from gcgen_env.viewer import nearest_grid, reconstruction_grid, save_png

SHEET = 32
"""Number of images on a sheet."""

Images = NDArray[np.float32]


@dataclass(frozen=True)
class Measurement:
    """Settings that all trials of a table share."""

    data: str
    """Where the images come from."""
    sha256: str
    """Digest of the training images."""
    minutes: float
    """Training time of the processor, without building the model and without evaluation."""
    augment: tuple[str, ...]
    """Random changes of the training images."""
    num_images: int
    """Largest number of images of each split that are encoded, the first ones."""
    num_samples: int
    """Number of samples, and of test images that they are compared with."""
    threads: int
    """Number of torch threads."""


def run_trial(
    variant: Variant, seed: int, measurement: Measurement, data: DataSource, folder: Path
) -> None:
    """Train and measure one model; `result.json` is written last, once all is done.

    Args:
        variant: The model to train.
        seed: Seed of the weights, goals, paths and samples.
        measurement: Training time, and what to measure.
        data: The images.
        folder: Folder to write to.
    """
    start = time.process_time()
    model = variant.make(seed)
    built = time.process_time()
    model.learn(measurement.minutes, lambda: None)
    trained = time.process_time()
    samples, sampling_ms = _draw_samples(model, measurement.num_samples, seed)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder)
    document = {
        "variant": variant.name,
        "options": variant.options,
        "seed": seed,
        "images_seen": model.images_seen,
        "updates": model.updates,
        "setup_seconds": built - start,
        "seconds": trained - built,
        "sampling_ms": sampling_ms,
        "codes": None,
        "machine": describe_machine(),
        "versions": find_versions(),
        "commit": find_commit(),
    }
    if isinstance(model, Encoder):
        images = {name: take_first(data.split(name), measurement.num_images) for name in SPLITS}
        document["codes"] = measure_codes(model, images, data.split("train"))
        _draw_reconstructions(model, images["test"][:SHEET], data.split("train"), folder)
    _draw_samples_sheet(samples[:SHEET], data.split("train"), folder)
    write_samples(folder, samples)
    write_json(folder / RESULT, document)


def take_first(data: Dataset, num: int) -> Images:
    """Return the first images of a split."""
    return data.take(np.arange(min(num, len(data))))


def measure_codes(model: Encoder, images: dict[str, Images], data: Dataset) -> dict[str, Any]:
    """Return error, PSNR and bound of each split, at the sigma that suits the validation images."""
    results: dict[str, Any] = {"sigma": model.fit_sigma(images["validation"])}
    for name in SPLITS:
        report = model.evaluate_nll(images[name], 1, 0)
        rebuilt = model.reconstruct(images[name]).astype(np.float64)
        mse = float(np.square(rebuilt - images[name]).mean())
        results[name] = {
            "images": report.num_images,
            "mse": mse,
            "psnr": 10 * math.log10((data.high - data.low) ** 2 / mse) if mse else math.inf,
            "nll": report.nll,
            "standard_error": report.standard_error,
            "reconstruction": report.reconstruction,
            "divergence": sum(report.divergence),
            "bits_per_dim": report.bits_per_dim,
        }
    return results


def _draw_samples(model: Contender, num: int, seed: int) -> tuple[Images, float]:
    """Return samples, and the milliseconds for one of them."""
    model.sample(1, seed)  # the first call allocates memory
    start = time.process_time()
    samples = model.sample(num, seed)
    milliseconds = 1000 * (time.process_time() - start) / num
    return samples, milliseconds


def _draw_reconstructions(model: Encoder, images: Images, data: Dataset, folder: Path) -> None:
    """Write the sheet of images above their reconstructions."""
    sheet = reconstruction_grid(images, model.reconstruct(images), low=data.low, high=data.high)
    save_png(sheet, folder / "reconstructions.png")


def _draw_samples_sheet(samples: Images, data: Dataset, folder: Path) -> None:
    """Write the sheet of samples above the nearest training images."""
    item, distance = find_nearest(samples, data)
    sheet = nearest_grid(samples, data.take(item), distance, low=data.low, high=data.high)
    save_png(sheet, folder / "samples.png")
