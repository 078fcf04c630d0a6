"""One trial: train a variant with one seed, evaluate it, and write the results."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from agents import NLLReport
from agents.common.provenance import describe_machine
from agents.common.versions import find_versions
from benchmarks.ablation.contenders import Agents, Contender
from benchmarks.ablation.variants import REFERENCE, Variant
from benchmarks.trials import RESULT
from gcgen_env.atomic_files import write_json

SNAPSHOTS = 10
"""Number of points of the training curve."""
CURVE_IMAGES = 500
"""Number of images that each point of the curve is measured on."""
LIVE_IMAGES = 2000
"""Number of images that are encoded to count the used proposals."""
ENCODERS: tuple[tuple[int, str, int, dict[str, Any]], ...] = (
    (1, "IW-1", 1, {}),
    (5, "IW-5", 5, {}),
    (5, "two_step 4", 1, {"search": "two_step", "width": 4}),
    (5, "beam 5", 1, {"search": "beam", "width": 5}),
    (21, "IW-21", 21, {}),
    (21, "two_step 20", 1, {"search": "two_step", "width": 20}),
    (21, "three_step 4", 1, {"search": "three_step", "width": 4}),
    (21, "beam 21", 1, {"search": "beam", "width": 21}),
)
"""Encoders: evaluations per decision, name, number of paths, search.

Encoders with the same number of evaluations compute A proposals equally often.
"""


@dataclass(frozen=True)
class Measurement:
    """Settings that all trials of a table share."""

    env: str
    """Id of the environment."""
    minutes: float
    """Training time, without evaluation."""
    split: str
    """Images to evaluate: "train", "validation" or "test"."""
    num_images: int
    """Number of images for -ELBO."""
    iw_images: int
    """Number of images, the first ones, for the importance-weighted bound IW-M."""
    paths: int
    """M, the number of paths of each image."""
    threads: int
    """Number of torch threads."""


class Snapshot(NamedTuple):
    """The state of a model during training."""

    seconds: float
    """Training time so far."""
    images_seen: int
    """Number of training images so far."""
    weights: dict[str, Any]
    """A copy of the weights."""


def run_trial(
    variant: Variant,
    seed: int,
    measurement: Measurement,
    images: NDArray[np.float32],
    folder: Path,
) -> None:
    """Train and evaluate one variant; `result.json` is written last, once all is done.

    Args:
        variant: The variant to train.
        seed: Seed of the weights, goals and paths.
        measurement: Training time, and what to measure.
        images: Images to evaluate, shape (N, *S).
        folder: Folder to write to.
    """
    model = variant.make(seed)
    snapshots: list[Snapshot] = []
    interval, start = 60 * measurement.minutes / SNAPSHOTS, time.monotonic()

    def take_snapshot() -> None:
        elapsed = time.monotonic() - start
        if elapsed >= interval * (len(snapshots) + 1):
            snapshots.append(Snapshot(elapsed, model.images_seen, model.get_weights()))

    model.learn(measurement.minutes, take_snapshot)
    seconds = time.monotonic() - start
    start = time.monotonic()
    elbo = model.evaluate_nll(images, 1, 0)
    encoding_ms = 1000 * (time.monotonic() - start) / len(images)
    weighted = model.evaluate_nll(images[: measurement.iw_images], measurement.paths, 0)
    arrays = {"elbo": elbo.per_image, "iw": weighted.per_image}
    document = {
        "variant": variant.name,
        "options": variant.options,
        "seed": seed,
        "images_seen": model.images_seen,
        "updates": model.updates,
        "seconds": seconds,
        "encoding_ms": encoding_ms,
        "elbo": _summarise(elbo),
        "iw": _summarise(weighted),
        "machine": describe_machine(),
        "versions": find_versions(),
    }
    if isinstance(model, Agents):
        document["live"] = model.count_live(images[:LIVE_IMAGES])
        model.model.save(folder / "model.gcgen", exclude=["optimizer"])
        if variant.name == REFERENCE:
            document["encoding"] = _compare_encoders(model, images[: measurement.iw_images], arrays)
    document["curve"] = _measure_curve(model, snapshots, images[:CURVE_IMAGES])
    folder.mkdir(parents=True, exist_ok=True)
    save_file(arrays, folder / "per_image.safetensors")
    write_json(folder / RESULT, document)


def _summarise(report: NLLReport) -> dict[str, Any]:
    """Return the values of a report as JSON values."""
    return {
        "nll": report.nll,
        "standard_error": report.standard_error,
        "reconstruction": report.reconstruction,
        "divergence": sum(report.divergence),
        "paths": report.num_paths,
        "images": report.num_images,
    }


def _compare_encoders(
    model: Agents, images: NDArray[np.float32], arrays: dict[str, NDArray[np.float64]]
) -> list[dict[str, Any]]:
    """Evaluate the encoders of `ENCODERS`; add their bound per image to `arrays`."""
    results = []
    for cost, name, paths, search in ENCODERS:
        report = model.evaluate_nll(images, paths, 0, **search)
        arrays[name] = report.per_image
        results.append({"name": name, "cost": cost, **_summarise(report)})
    return results


def _measure_curve(
    model: Contender, snapshots: list[Snapshot], images: NDArray[np.float32]
) -> list[tuple[float, int, float]]:
    """Return seconds, number of training images and -ELBO of every snapshot."""
    curve = []
    for seconds, images_seen, weights in snapshots:
        model.set_weights(weights)
        curve.append((seconds, images_seen, model.evaluate_nll(images, 1, 0).nll))
    return curve
