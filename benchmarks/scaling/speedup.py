"""Trains with several processes, or with several threads, and measures images per second."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from agents import GCGen
from agents.distributed import ALONE, Ranks

TEST_IMAGES = 1000
"""Largest number of validation images of the bound after training."""


class Task(NamedTuple):
    """What is trained."""

    env: str
    """Id of an environment."""
    batch: int
    """Rows of each update, over all processes."""
    updates: int
    """Number of updates that are timed."""
    seed: int
    """Seed of the training."""
    data: str | None = None
    """Images of `GCGen-Images-v0`."""


def measure_training(task: Task, processes: int, threads: int) -> dict[str, Any]:
    """Train, and return images per second, CPU seconds and the bound after the training."""
    with TemporaryDirectory() as folder:
        spawn(_train, (task, processes, threads, folder), processes)
        found = json.loads((Path(folder) / "result.json").read_text())
    return {**task._asdict(), "processes": processes, "threads": threads, **found}


def _train(rank: int, task: Task, processes: int, threads: int, folder: str) -> None:
    """Be one of the processes."""
    torch.set_num_threads(threads)
    ranks = ALONE
    if processes > 1:
        store = dist.FileStore(str(Path(folder) / "store"), processes)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=processes)
        ranks = Ranks(rank, processes)
    model = GCGen(
        "GCPolicy", task.env, seed=task.seed, device="cpu", n_envs=task.batch,
        batch_size=task.batch, env_kwargs={"dataset": task.data} if task.data else {},
    )  # fmt: skip
    model.ranks = ranks
    steps = task.batch * model.s_agent.chain.horizon
    total = (task.updates + 2) * steps
    model.learn(2 * steps, log_interval=None)  # warm
    wall, cpu = time.perf_counter(), time.process_time()
    model.learn(total - 2 * steps, log_interval=None, reset_num_timesteps=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if rank == 0:
        data = model.load_split("validation")
        images = data.take(np.arange(min(len(data), TEST_IMAGES)))
        result = {
            "images_per_second": task.updates * task.batch / wall,
            "wall_per_update": wall / task.updates,
            "cpu_per_update": cpu / task.updates,
            "bound": model.evaluate_nll(images).nll,
        }
        (Path(folder) / "result.json").write_text(json.dumps(result))
    if processes > 1:
        dist.barrier()
        dist.destroy_process_group()
