"""Steps per second of many environments in one batch, as arrays and as tensors."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro

from benchmarks.speed.figures import Figure, report
from benchmarks.speed.task import ENV_ID, make_kwargs, prepare_process, write_images
from benchmarks.speed.timing import time_in_turns
from gcgen_env.device import resolve_device
from gcgen_env.tensor_vector_env import TensorVectorEnv

MODES = ("pixels", "compact")
KINDS = {"host": "arrays", "env": "tensors"}


def main(
    sizes: tuple[int, ...] = (64, 1024, 4096),
    rounds: int = 3,
    threads: int = 1,
    device: str = "auto",
    json: bool = False,
) -> list[Figure]:
    """Play episodes with random actions.

    Args:
        sizes: Numbers of environments.
        rounds: Episodes of each environment; medians are reported.
        threads: Number of torch threads.
        device: Torch device of the environments.
        json: Print JSON instead of a table.
    """
    prepare_process(threads)
    images = write_images()
    figures = [
        measure(images, mode, num, where, rounds, device)
        for mode in MODES
        for num in sizes
        for where in KINDS
    ]
    report(figures, json)
    return figures


def measure(images: Path, mode: str, num_envs: int, where: str, rounds: int, device: str) -> Figure:
    """Measure a number of environments in one observation mode, as arrays or as tensors.

    On a CPU this is processor time, which other programs do not change much. One batch is made at
    a time: that of 4,096 environments in pixels mode takes gigabytes.
    """
    kwargs = {**make_kwargs(images, mode), "num_envs": num_envs, "device": device}
    envs: Any = gym.make_vec(ENV_ID, **kwargs, obs_device=where)
    clock = time.process_time if resolve_device(device) == "cpu" else time.perf_counter
    timings = time_in_turns({where: make_player(envs)}, rounds, warm_up=1, clock=clock)
    speed = num_envs * envs.unwrapped.config.horizon / timings.seconds(where)
    name = f"{mode}: {num_envs} environments, {KINDS[where]}"
    print(f"{name}: {speed:,.0f} steps/s", file=sys.stderr, flush=True)
    return Figure(name, speed, "steps/s")


def make_player(envs: gym.vector.VectorEnv) -> Callable[[], None]:
    """Return a function that resets the environments and plays one episode."""
    inner: Any = envs.unwrapped
    size = inner.config.horizon, envs.num_envs
    actions = np.random.default_rng(0).integers(inner.config.num_proposals, size=size)
    is_tensor, device = isinstance(inner, TensorVectorEnv), inner.episodes.device
    given = list(torch.from_numpy(actions).to(device)) if is_tensor else list(actions)

    def play() -> None:
        envs.reset(seed=0)
        for action in given:
            envs.step(action)
        if device.type == "cuda":
            torch.cuda.synchronize()  # the work is over when the device has done it

    return play


if __name__ == "__main__":
    tyro.cli(main)
