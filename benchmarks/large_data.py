"""Measures a training on a data set that stays on disk: time to start, and memory.

python -m benchmarks.large_data --num 1000000 --updates 100
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
import torch
from stable_baselines3.common.callbacks import BaseCallback

from agents import GCGen
from gcgen_env.datasets.folder_survey import Survey
from gcgen_env.datasets.prepared import Prepared
from gcgen_env.datasets.prepared_folder import write_folder, writing_folder

SIDE, BLOCK = 32, 8
"""Sides of the images, and of the blocks of one colour that they are made of."""
BATCH = 10_000
"""Number of images that are drawn at once."""
NUM_PROPOSALS, HORIZON, GOALS = 64, 24, 64


class MemoryLog(BaseCallback):
    """Prints the resident memory at the first update and after every tenth of them all."""

    def __init__(self, updates: int) -> None:
        """Store the number of updates."""
        super().__init__()
        self.interval = max(1, updates // 10)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        done = self.num_timesteps // (GOALS * HORIZON)
        if done % self.interval == 0:
            print(f"after {done} updates: {read_memory():.2f} GB resident", flush=True)


def read_memory() -> float:
    """Return the resident memory of this process in GB."""
    return psutil.Process().memory_info().rss / 1e9


def write_images(num: int, folder: Path) -> None:
    """Write a prepared folder of `num` random images of colour blocks."""
    rng, shape = np.random.default_rng(0), (num, SIDE, SIDE, 3)
    with writing_folder(folder) as partial:
        file = partial / "squares.npy"
        squares = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
        for first in range(0, num, BATCH):
            size = (min(BATCH, num - first), SIDE // BLOCK, SIDE // BLOCK, 3)
            coarse = rng.integers(0, 256, size, dtype=np.uint8)
            squares[first : first + BATCH] = coarse.repeat(BLOCK, 1).repeat(BLOCK, 2)
        paths = tuple(folder / str(i) for i in range(num))
        prepared = Prepared(squares, np.arange(num), False, False, paths, None, {}, {})
        start = time.process_time()
        write_folder(prepared, Survey(folder, (), {}, ()), partial)
        print(f"wrote the splits of {num:,} images: {time.process_time() - start:.1f} CPU seconds")
        file.unlink()


def train(folder: Path, updates: int) -> None:
    """Train on a prepared folder, and print time and memory."""
    start, clock = time.process_time(), time.monotonic()
    sizes: dict[str, Any] = {
        "dataset": str(folder),
        "num_proposals": NUM_PROPOSALS,
        "horizon": HORIZON,
    }
    options: dict[str, Any] = {"n_envs": GOALS, "batch_size": GOALS, "seed": 0, "device": "cpu"}
    model = GCGen("GCPolicy", "GCGen-Images-v0", env_kwargs=sizes, **options)
    seconds = time.process_time() - start, time.monotonic() - clock
    print("built the model: {:.1f} CPU seconds, {:.1f} seconds".format(*seconds))
    model.learn(updates * GOALS * HORIZON, MemoryLog(updates), log_interval=None)
    print(f"after {model._n_updates} updates: {read_memory():.2f} GB resident")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the options, write the images and train."""
    parser = argparse.ArgumentParser("benchmarks.large_data", description=__doc__)
    parser.add_argument("--num", type=int, default=1_000_000, help="number of images")
    parser.add_argument("--updates", type=int, default=100, help="updates of 64 images")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    with TemporaryDirectory(dir=".") as folder:  # the disk, not memory that looks like one
        write_images(options.num, Path(folder) / "images")
        train(Path(folder) / "images", options.updates)


if __name__ == "__main__":
    main()
