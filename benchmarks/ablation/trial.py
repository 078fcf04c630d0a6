"""One trial: a variant trained with one seed, measured, and written down."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from agents import NLLReport
from agents.cli.run_folder import write_json
from agents.common.provenance import describe_machine, find_versions
from benchmarks.ablation.contenders import Agents, Contender
from benchmarks.ablation.variants import REFERENCE, Variant

SNAPSHOTS = 10
"""Points of the curve of bound against time."""
CURVE_IMAGES = 500
"""Images that a point of the curve is measured on."""
LIVE_IMAGES = 2000
"""Images that are encoded to see which proposals live."""
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
"""Ways to spend as many offers of A proposals on each decision: offers, name, paths, search."""


@dataclass(frozen=True)
class Measurement:
    """What every trial of a table has in common."""

    env: str
    """Id of the environment."""
    minutes: float
    """Training time, evaluation not counted."""
    split: str
    """Images that bounds are measured on."""
    num_images: int
    """How many, for -ELBO."""
    iw_images: int
    """How many of them, the first ones, for IW-M."""
    paths: int
    """M."""
    threads: int
    """Threads of torch."""


class Snapshot(NamedTuple):
    """A model in the middle of its training."""

    seconds: float
    """Training time so far."""
    images_seen: int
    """Images trained on so far."""
    weights: dict[str, Any]
    """A copy."""


def folder_of(out: Path, name: str, seed: int) -> Path:
    """Return the folder of one trial."""
    return out / f"{re.sub('[^a-z0-9.]+', '-', name.lower())}-{seed}"


def run_trial(
    variant: Variant,
    seed: int,
    measurement: Measurement,
    images: NDArray[np.float32],
    folder: Path,
) -> None:
    """Train one variant, measure it, and write `result.json` last of all.

    Args:
        variant: What to train.
        seed: Of its weights, goals and paths.
        measurement: How long, and what to measure.
        images: Of the split, shape (N, *S).
        folder: Where to write.
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
    arrays = {}
    begun = time.monotonic()
    elbo = model.evaluate_nll(images, 1, 0)
    encoding_ms = 1000 * (time.monotonic() - begun) / len(images)
    arrays["elbo"] = elbo.per_image
    weighted = model.evaluate_nll(images[: measurement.iw_images], measurement.paths, 0)
    arrays["iw"] = weighted.per_image
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
    write_json(folder / "result.json", document)


def _summarise(report: NLLReport) -> dict[str, Any]:
    """Return the figures of a report as JSON values."""
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
    """Measure paths and searches that look at as many proposals."""
    rows = []
    for cost, name, paths, model.search in ENCODERS:
        report = model.evaluate_nll(images, paths, 0)
        arrays[name] = report.per_image
        rows.append({"name": name, "cost": cost, **_summarise(report)})
    model.search = {}
    return rows


def _measure_curve(
    model: Contender, snapshots: list[Snapshot], images: NDArray[np.float32]
) -> list[tuple[float, int, float]]:
    """Return seconds, images seen and -ELBO of every snapshot."""
    curve = []
    for seconds, images_seen, weights in snapshots:
        model.set_weights(weights)
        curve.append((seconds, images_seen, model.evaluate_nll(images, 1, 0).nll))
    return curve
