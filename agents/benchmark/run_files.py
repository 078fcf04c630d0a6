"""Reads the files of one run, and says which of them is damaged."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from agents.benchmark.ranking import find_threshold, rank
from agents.benchmark.scores import measure_area, normalise
from agents.benchmark.study import IMAGES, RESULT, TIMING, Run
from gcgen_env.atomic_files import read_json

POINT = ("steps", "return", "gain", "distance", "score", "invalid_rate")
"""Numbers of one point of a learning curve."""


class Outcome(NamedTuple):
    """The results of one complete run."""

    run: Run
    """The run."""
    result: dict[str, Any]
    """Figures that the seed reproduces."""
    timing: dict[str, Any]
    """Durations and memory, which no seed reproduces."""
    images: dict[str, NDArray[np.float32]]
    """Some goals, "goal", and their final images, "image", both (n, *S)."""
    folder: Path
    """Folder of the run."""

    @property
    def main_threshold(self) -> int:
        """Which of the thresholds is that of the environment's own `is_success`."""
        return find_threshold(self.run.env)

    @property
    def area(self) -> float:
        """Mean over the training of what the track is ranked by: the area under the curve."""
        curve = self.result["curve"]
        return measure_area([p["steps"] for p in curve], [self.rank(p) for p in curve])

    def rank(self, point: dict[str, Any]) -> float:
        """Return what the track is ranked by at a point of the learning curve."""
        return rank(self.run.track, self.run.env, point)

    @property
    def last(self) -> dict[str, Any]:
        """The last point of the learning curve."""
        return self.result["curve"][-1]


def read_run(run: Run, out: Path) -> Outcome:
    """Read the files of a complete run.

    Raises:
        ValueError: If one is missing, damaged or contradicts another; the message names it.
    """
    folder = run.folder(out)
    result = _read(folder / RESULT, read_json, lambda found: _check_result(run, found))
    points = len(result["curve"])
    timing = _read(folder / TIMING, read_json, lambda found: check_timing(points, found))
    images = _read(folder / IMAGES, _load_images, _check_images)
    return Outcome(run, result, timing, images, folder)


def _read(path: Path, read: Callable[[Path], Any], check: Callable[[Any], None]) -> Any:
    """Read and check one file; every error names it."""
    try:
        found = read(path)
        check(found)
        return found
    except (ArithmeticError, LookupError, OSError, TypeError, ValueError, SafetensorError) as error:
        reason = str(error).removeprefix(f"{path} is damaged: ")
        if isinstance(error, LookupError):
            reason = f"it lacks {error}"
        raise ValueError(f"{path} is damaged: {reason}") from error


def _check_result(run: Run, result: dict[str, Any]) -> None:
    """Raise an error unless these are results of this run that agree with one another."""
    if result["run"] != json.loads(json.dumps(run.to_json(), default=str)):
        raise ValueError("it holds the results of another run")
    check_figures(run, result)


def check_figures(run: Run, result: dict[str, Any]) -> None:
    """Raise an error unless the figures of a result agree with one another."""
    curve, gain = result["curve"], np.array(result["gain"], np.float64)
    if not isinstance(curve, list) or not curve:
        raise ValueError("expected a list of points as curve")
    for point in curve:
        _check_numbers({name: point[name] for name in POINT})
        _check_numbers({f"success[{i}]": share for i, share in enumerate(point["success"])})
    if gain.shape != (run.episodes,) or not np.isfinite(gain).all():
        raise ValueError(f"expected {run.episodes} numbers as gain")
    best = result["references"]["best"]["gain"]
    _check_numbers({"best": best})
    score = normalise(float(gain.mean()), best)
    if not np.allclose([curve[-1]["gain"], curve[-1]["score"]], [gain.mean(), score], 1e-6, 1e-6):
        raise ValueError("the last gain and score are not those of the episodes")
    for point in curve:
        if not math.isclose(point["score"], point["gain"] / best, rel_tol=1e-6, abs_tol=1e-9):
            raise ValueError(f"the score after {point['steps']} decisions is not that of the gain")
    steps = [point["steps"] for point in curve]
    if steps != sorted(steps):
        raise ValueError("the decisions fall along the curve")


def check_timing(points: int, timing: dict[str, Any]) -> None:
    """Raise an error unless the durations belong to a curve with so many points."""
    seconds = timing["seconds"]
    if not isinstance(seconds, list) or len(seconds) != points:
        raise ValueError(f"expected {points} numbers as seconds, one for each point of the curve")
    _check_numbers({f"seconds[{i}]": value for i, value in enumerate(seconds)})
    _check_numbers(
        {name: timing[name] for name in ("steps_per_second", "cpu_seconds", "peak_memory_bytes")}
    )
    if not isinstance(timing["versions"], dict):
        raise ValueError("expected an object as versions")
    if min(seconds) < 0 or seconds != sorted(seconds) or timing["cpu_seconds"] < 0:
        raise ValueError("durations are not negative, and do not fall along the curve")
    for name in ("processor", "cores"):
        timing["machine"][name]  # raises if it is missing


def _check_numbers(fields: Any) -> None:
    """Raise a ValueError that names the first field that is not a finite number."""
    if not isinstance(fields, dict):
        raise ValueError(f"expected an object of numbers, got {fields!r:.99}")
    for name, value in fields.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and math.isfinite(value)):
            raise ValueError(f"{name} must be a finite number, got {value!r:.99}")


def _load_images(path: Path) -> dict[str, NDArray[Any]]:
    """Read the tensors of a safetensors file."""
    return load(path.read_bytes())


def _check_images(images: dict[str, NDArray[Any]]) -> None:
    """Raise an error unless there are as many images as goals, all of finite numbers."""
    goal, image = images["goal"], images["image"]
    if goal.shape != image.shape or goal.ndim not in (2, 4) or not goal.size:
        raise ValueError(f"expected images like the goals {goal.shape}, got {image.shape}")
    for array in (goal, image):
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(f"expected finite float32 values, got {array.dtype}")
