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
from benchmarks.images.contenders import ImageContender, Variant
from benchmarks.trials import RESULT
from gcgen_env.atomic_files import write_json
from gcgen_env.datasets import SPLITS, Dataset, DataSource, find_nearest
from gcgen_env.viewer import nearest_grid, reconstruction_grid, save_png

SHEET = 32
"""Number of images on a sheet, and of the samples that are compared with training images."""
TIMED_SAMPLES = 256
"""Number of images that are drawn to measure the speed of sampling."""

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
    num_proposals: int
    """A."""
    horizon: int
    """H."""
    augment: tuple[str, ...]
    """Random changes of the training images."""
    num_images: int
    """Largest number of images of each split that are evaluated, the first ones."""
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
    images = {name: take_first(data.split(name), measurement.num_images) for name in SPLITS}
    samples, sampling_ms = _draw_samples(model, seed)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder)
    distance = _draw_sheets(model, images["test"], samples[:SHEET], data.split("train"), folder)
    document = {
        "variant": variant.name,
        "options": variant.options,
        "seed": seed,
        "images_seen": model.images_seen,
        "updates": model.updates,
        "setup_seconds": built - start,
        "seconds": trained - built,
        "sampling_ms": sampling_ms,
        "nearest_distance": distance,
        **measure(model, images, data.split("train")),
        "machine": describe_machine(),
        "versions": find_versions(),
        "commit": find_commit(),
    }
    write_json(folder / RESULT, document)


def take_first(data: Dataset, num: int) -> Images:
    """Return the first images of a split."""
    return data.take(np.arange(min(num, len(data))))


def measure(model: ImageContender, images: dict[str, Images], data: Dataset) -> dict[str, Any]:
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


def _draw_samples(model: ImageContender, seed: int) -> tuple[Images, float]:
    """Return samples, and the processor's milliseconds for one of them."""
    model.sample(1, seed)  # the first call allocates memory
    start = time.process_time()
    samples = model.sample(TIMED_SAMPLES, seed)
    return samples, 1000 * (time.process_time() - start) / TIMED_SAMPLES


def _draw_sheets(
    model: ImageContender, test: Images, samples: Images, data: Dataset, folder: Path
) -> float:
    """Write the two sheets; return the mean distance of samples from their nearest images."""
    bounds: dict[str, Any] = {"low": data.low, "high": data.high}
    shown = test[:SHEET]
    sheet = reconstruction_grid(shown, model.reconstruct(shown), **bounds)
    save_png(sheet, folder / "reconstructions.png")
    item, distance = find_nearest(samples, data)
    sheet = nearest_grid(samples, data.take(item), distance, **bounds)
    save_png(sheet, folder / "samples.png")
    return float(distance.mean())
