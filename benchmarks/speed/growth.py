"""How the time and memory of an S-agent update grow with A, H, image size and batch size."""

from __future__ import annotations

import itertools
import json as json_module
import math
import statistics
import time

import numpy as np
import tyro

from agents import GCGen
from benchmarks.speed.figures import Figure, report
from benchmarks.speed.memory import measure_peak, read_peak, reset_peak
from benchmarks.speed.task import get_s_agent_update, prepare_process, save_images

DEFAULTS = {"num_proposals": 32, "horizon": 10, "image_size": 28, "batch_size": 128}
GROWTH = {
    "num_proposals": (8, 16, 32, 64, 128, 256),
    "horizon": (4, 8, 16, 32),
    "image_size": (8, 16, 28, 32, 64),
    "batch_size": (32, 64, 128, 256, 512, 1024),
}


def main(
    rounds: int = 3,
    threads: int = 2,
    json: bool = False,
    one: tuple[int, int, int, int] | None = None,
) -> list[Figure]:
    """Measure an update for several values of each size, every one in a fresh process.

    Args:
        rounds: Repetitions; medians are reported.
        threads: Number of torch threads.
        json: Print JSON instead of a table.
        one: A, H, image size and batch size: measure these, and nothing else.
    """
    prepare_process(threads)
    if one is not None:
        print(json_module.dumps(measure(*one, rounds=rounds)))
        return []
    figures = []
    for name, values in GROWTH.items():
        results = [
            measure_peak("benchmarks.speed.growth", "--one", *{**DEFAULTS, name: value}.values())
            for value in values
        ]
        for value, result, previous in zip(values, results, [None, *results], strict=False):
            detail = f"{result['peak_bytes'] / 1e6:.0f} MB"
            if previous is not None:
                factor = value / values[values.index(value) - 1]
                power = math.log(result["seconds"] / previous["seconds"], factor)
                detail += f", time grew with power {power:.2f}"
            figures.append(
                Figure(f"{name} = {value}", 1e3 * result["seconds"], "ms", detail=detail)
            )
    report(figures, json)
    return figures


def measure(
    num_proposals: int, horizon: int, image_size: int, batch_size: int, rounds: int
) -> dict[str, float]:
    """Return the median duration of an update and by how much it raises the peak memory."""
    rng = np.random.default_rng(0)
    path = save_images(rng.random((2048, image_size, image_size), dtype=np.float32))
    sizes = {"num_proposals": num_proposals, "horizon": horizon}
    model = GCGen(
        "GCPolicy",
        "GCGen-MNIST-v0",
        seed=0,
        n_envs=1,
        batch_size=batch_size,
        env_kwargs={"dataset": str(path), "proposer": "dictionary", **sizes},
    )
    goals, update = get_s_agent_update(model)
    goals = goals.expand(batch_size, -1, -1, -1).contiguous()
    before = reset_peak()
    durations = []
    for _ in itertools.repeat(None, rounds + 1):
        start = time.perf_counter()
        update(goals)
        durations.append(time.perf_counter() - start)
    return {"seconds": statistics.median(durations[1:]), "peak_bytes": read_peak() - before}


if __name__ == "__main__":
    tyro.cli(main)
