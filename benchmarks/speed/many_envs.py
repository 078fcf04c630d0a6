"""Steps per second of many environments in one batch, as arrays and as tensors."""

from __future__ import annotations

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
    """Play episodes with random actions; the functions that are compared run alternately.

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
        figure
        for mode in MODES
        for num in sizes
        for figure in compare(images, mode, num, rounds, device)
    ]
    report(figures, json)
    return figures


def compare(images: Path, mode: str, num_envs: int, rounds: int, device: str) -> list[Figure]:
    """Measure a number of environments in one observation mode, as arrays and as tensors.

    On a CPU this is processor time, which other programs do not change much.
    """
    kwargs = {**make_kwargs(images, mode), "num_envs": num_envs, "device": device}
    made = {KINDS[where]: gym.make_vec(ENV_ID, **kwargs, obs_device=where) for where in KINDS}
    players = {kind: make_player(envs) for kind, envs in made.items()}
    steps = num_envs * gym.spec(ENV_ID).kwargs["horizon"]
    clock = time.process_time if resolve_device(device) == "cpu" else time.perf_counter
    timings = time_in_turns(players, rounds, warm_up=1, clock=clock)
    return [
        Figure(f"{mode}: {num_envs} environments, {kind}", steps / timings.seconds(kind), "steps/s")
        for kind in players
    ]


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
