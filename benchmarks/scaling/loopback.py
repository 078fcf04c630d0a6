"""Measures sums over processes of this machine, which gloo makes through its loopback."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from benchmarks.scaling.cost import Network, fit_line

NUMBERS = (1_000, 100_000, 500_000, 2_500_000)
"""Float32 numbers of a sum."""


def measure_sums(size: int, rounds: int) -> tuple[Network, list[dict[str, Any]]]:
    """Measure sums over N processes.

    Returns:
        Latency and bandwidth, fitted to the shortest times: other work on the machine only adds to
        them. And a row of a table for each number.
    """
    with TemporaryDirectory() as folder:
        spawn(_measure, (size, rounds, folder), size)
        rows = [tuple(map(float, line.split())) for line in _results(folder).read_text().split(";")]
    points = [(4 * num * 2 * (size - 1) / size, wall) for num, wall, _ in rows]  # bytes sent
    start, slope = fit_line(points)
    table = [
        {"processes": size, "bytes": 4 * int(num), "wall": wall, "cpu": cpu}
        for num, wall, cpu in rows
    ]
    return Network(max(start, 1e-6) / (2 * (size - 1)), 1 / slope), table


def _results(folder: str) -> Path:
    """Return the file that the first process writes."""
    return Path(folder) / "results"


def _measure(rank: int, size: int, rounds: int, folder: str) -> None:
    """Be one of the processes."""
    torch.set_num_threads(1)
    store = dist.FileStore(str(Path(folder) / "store"), size)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    lines = []
    for num in NUMBERS:
        numbers, walls, cpus = torch.ones(num), [], []
        for _ in range(rounds + 2):
            dist.barrier()
            wall, cpu = time.perf_counter(), time.process_time()
            dist.all_reduce(numbers)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        lines.append(f"{num} {min(walls[2:])} {min(cpus[2:])}")
    if rank == 0:
        _results(folder).write_text(";".join(lines))
    dist.barrier()
    dist.destroy_process_group()
