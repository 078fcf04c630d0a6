"""How close the environments come to the cost of their proposer; see docs/performance.md."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from stable_baselines3.common.vec_env import DummyVecEnv

from benchmarks.speed.figures import Figure, report
from benchmarks.speed.memory import measure_peak, run_and_report
from benchmarks.speed.task import ENV_ID, make_kwargs, make_vector_env, set_threads, write_images
from benchmarks.speed.timing import Stopwatch, time_in_turns
from gcgen_env import GCGenVectorEnv

MODES = ("pixels", "compact")
FLOORS = {"pixels": (0.6, 15.0), "compact": (3.0, 8.0)}
"""Targets of each mode: against the bare forward, and against `DummyVecEnv`."""


def main(
    num_envs: int = 256,
    many_envs: int = 4096,
    rounds: int = 7,
    threads: int = 2,
    json: bool = False,
    peak_of: tuple[int, str, Path] | None = None,
) -> list[Figure]:
    """Measure the environments, every pair of durations in turns and in one process.

    Args:
        num_envs: Environments of the vector environment.
        many_envs: Environments of the largest one.
        rounds: Repetitions; medians are reported.
        threads: Threads of torch.
        json: Print JSON instead of a table.
        peak_of: Instead of all this, print how much memory one episode takes of a number of
            environments, in a mode, on a file of images.
    """
    set_threads(threads)
    if peak_of is not None:
        num, mode, path = peak_of
        run_and_report(lambda: play(make_vector_env(num, make_kwargs(path, mode))))
        return []
    images = write_images()
    figures = []
    for mode in MODES:
        kwargs = make_kwargs(images, mode)
        figures += [*compare(kwargs, num_envs, rounds), *grow(kwargs, many_envs, rounds)]
        figures += compare_single(kwargs, rounds)
    figures += measure_memory(images, num_envs)
    report(figures, json)
    return figures


def play(envs: GCGenVectorEnv, seed: int = 0) -> None:
    """Play one episode in every environment, actions at random."""
    rng = np.random.default_rng(seed)
    envs.reset(seed=seed)
    for _ in range(envs.config.horizon):
        envs.step(rng.integers(envs.config.num_proposals, size=envs.num_envs))


def make_player(envs: GCGenVectorEnv) -> Callable[[], None]:
    """Return a function that makes the H steps of one episode, the autoreset among them."""
    horizon, num = envs.config.horizon, envs.config.num_proposals
    actions = np.random.default_rng(0).integers(num, size=(horizon, envs.num_envs))
    envs.reset(seed=0)

    def steps() -> None:
        for action in actions:
            envs.step(action)

    return steps


def make_forward(envs: GCGenVectorEnv) -> Callable[[], None]:
    """Return a function that only asks the proposer for all proposals, H times, in float32."""
    core: Any = envs.core
    canvas = core.chain.dynamics.start(envs.num_envs)

    @torch.no_grad()
    def forward() -> None:
        for h in range(core.config.horizon):
            core.chain.proposer.propose(canvas, torch.full((len(canvas),), h))

    return forward


def compare(kwargs: dict[str, Any], num_envs: int, rounds: int) -> list[Figure]:
    """Compare the vector environment with the bare forward and with `DummyVecEnv`."""
    mode, few = kwargs["obs_mode"], 8
    envs = make_vector_env(num_envs, kwargs)
    dummy = DummyVecEnv([lambda: gym.make(ENV_ID, **kwargs)] * few)
    dummy.reset()
    horizon = envs.config.horizon
    actions = np.random.default_rng(0).integers(32, size=(horizon, few))
    timings = time_in_turns(
        {
            "forward": make_forward(envs),
            "vector": make_player(envs),
            "dummy": lambda: [dummy.step(action) for action in actions],
        },
        rounds,
    )
    per_forward, per_dummy = FLOORS[mode]
    step = 1e3 * timings.seconds("vector") / horizon
    bare = 1e3 * timings.seconds("forward") / horizon
    alone = 1e6 * timings.seconds("dummy") / horizon / few
    return [
        Figure(
            f"{mode}: speed / bare dense forward, {num_envs} environments",
            timings.ratio("forward", "vector"),
            "x",
            per_forward,
            detail=f"step {step:.1f} ms, forward {bare:.1f} ms",
        ),
        Figure(
            f"{mode}: speed / DummyVecEnv of {few}",
            timings.ratio("dummy", "vector") * num_envs / few,
            "x",
            per_dummy,
            detail=f"{1e3 * step / num_envs:.1f} us, {alone:.0f} us an environment step",
        ),
    ]


def grow(kwargs: dict[str, Any], many: int, rounds: int, few: int = 64) -> list[Figure]:
    """Compare the cost of an environment step of many environments with that of few."""
    players = {str(num): make_player(make_vector_env(num, kwargs)) for num in (few, many)}
    timings = time_in_turns(players, max(3, rounds // 2), warm_up=1)
    cost = {num: 1e5 * timings.seconds(str(num)) / num for num in (few, many)}
    ratio = timings.ratio(str(many), str(few)) * few / many
    name = f"{kwargs['obs_mode']}: cost of an environment step, {many} / {few}"
    detail = f"{cost[many]:.1f} us, {cost[few]:.1f} us"
    return [Figure(name, ratio, "x", 1.0, at_least=False, detail=detail)]


def compare_single(kwargs: dict[str, Any], rounds: int) -> list[Figure]:
    """Split the step of one environment of `gym.make` into its network and everything else."""
    env = gym.make(ENV_ID, **kwargs)
    core: Any = env.unwrapped.core  # type: ignore[attr-defined]
    watch = Stopwatch()
    network = core.chain.proposer
    object.__setattr__(network, "encode", watch.time(network.encode))
    for name in ("forward", "rows"):
        object.__setattr__(network.head, name, watch.time(getattr(network.head, name)))
    horizon = core.config.horizon
    steps, inside = [], []
    for _ in range(50 * rounds):
        env.reset()
        watch.seconds, start = 0.0, time.perf_counter()
        for h in range(horizon):
            env.step(h)
        steps.append((time.perf_counter() - start) / horizon)
        inside.append(watch.seconds / horizon)
    overhead = statistics.median(a - b for a, b in zip(steps, inside, strict=True))
    detail = f"step {1e6 * statistics.median(steps):.0f} us, "
    detail += f"network {1e6 * statistics.median(inside):.0f} us"
    name = f"{kwargs['obs_mode']}: single environment, step beside the network"
    return [Figure(name, 1e6 * overhead, "us", 150.0, at_least=False, detail=detail)]


def measure_memory(images: Path, num_envs: int) -> list[Figure]:
    """Measure peak memory at three sizes, and whether it grows in proportion."""
    figures = []
    for mode in MODES:
        sizes = [(4 if mode == "pixels" else 16) * num_envs // 4 * k for k in (1, 2, 4)]
        peaks = [
            measure_peak("benchmarks.speed.env", "--peak-of", num, mode, images)["peak_bytes"]
            for num in sizes
        ]
        first, second = ((peaks[i + 1] - peaks[i]) / (sizes[i + 1] - sizes[i]) for i in range(2))
        figures += [
            Figure(f"{mode}: peak memory of one more environment", second / 1e6, "MB"),
            Figure(
                f"{mode}: growth of peak memory, {sizes[1]}-{sizes[2]} / {sizes[0]}-{sizes[1]}",
                second / first,
                "x",
                1.2,
                at_least=False,
                detail=", ".join(
                    f"{n}: {p / 1e6:.0f} MB" for n, p in zip(sizes, peaks, strict=True)
                ),
            ),
        ]
    return figures


if __name__ == "__main__":
    tyro.cli(main)
    sys.exit(0)
