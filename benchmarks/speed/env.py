"""Speed and memory of the environments, relative to their proposer and to `DummyVecEnv`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import SAgent
from benchmarks.speed.figures import Figure, report
from benchmarks.speed.memory import measure_peak, run_and_report
from benchmarks.speed.task import (
    ENV_ID,
    S_AGENT,
    make_kwargs,
    make_vector_env,
    prepare_process,
    write_images,
)
from benchmarks.speed.timing import time_in_turns
from gcgen_env import GCGenVectorEnv

MODES = ("pixels", "compact")
TARGETS = {"pixels": (0.6, 15.0), "compact": (3.0, 8.0)}
"""Smallest speed of each mode, relative to the proposer alone and to `DummyVecEnv`."""


def main(
    num_envs: int = 256,
    many_envs: int = 4096,
    rounds: int = 7,
    threads: int = 2,
    json: bool = False,
    peak_of: tuple[int, str, Path] | None = None,
) -> list[Figure]:
    """Measure the environments; functions that are compared run alternately in one process.

    Args:
        num_envs: Number of environments of the vector environment.
        many_envs: Number of environments of the largest vector environment.
        rounds: Repetitions; medians are reported.
        threads: Number of torch threads.
        json: Print JSON instead of a table.
        peak_of: Number of environments, observation mode and image file: print the memory that
            one episode takes, and measure nothing else.
    """
    prepare_process(threads)
    if peak_of is not None:
        num, mode, path = peak_of
        run_and_report(lambda: play(make_vector_env(ENV_ID, num, **make_kwargs(path, mode))))
        return []
    images = write_images()
    figures = []
    for mode in MODES:
        kwargs = make_kwargs(images, mode)
        figures += [*compare(kwargs, num_envs, rounds), *grow(kwargs, many_envs, rounds)]
    figures += measure_memory(images, num_envs)
    report(figures, json)
    return figures


def play(envs: GCGenVectorEnv) -> None:
    """Play one episode in every environment with random actions."""
    make_player(envs)()


def make_player(envs: GCGenVectorEnv) -> Callable[[], None]:
    """Reset, and return a function that plays one episode, the autoreset included."""
    horizon, num = envs.config.horizon, envs.config.num_proposals
    actions = np.random.default_rng(0).integers(num, size=(horizon, envs.num_envs))
    envs.reset(seed=0)

    def steps() -> None:
        for action in actions:
            envs.step(action)

    return steps


def make_forward(num_envs: int, s_agent: SAgent) -> Callable[[], None]:
    """Return a function that only computes all proposals of H steps, in float32."""
    canvas = s_agent.chain.dynamics.start(num_envs)

    @torch.no_grad()
    def forward() -> None:
        for h in range(s_agent.chain.horizon):
            s_agent.chain.proposer.propose(canvas, torch.full((num_envs,), h))

    return forward


def compare(kwargs: dict[str, Any], num_envs: int, rounds: int) -> list[Figure]:
    """Compare the vector environment with the proposer alone and with `DummyVecEnv`."""
    mode, few = kwargs["obs_mode"], 8
    envs = make_vector_env(ENV_ID, num_envs, **kwargs)
    dummy = DummyVecEnv([lambda: gym.make(ENV_ID, **kwargs)] * few)
    dummy.reset()
    horizon = envs.config.horizon
    actions = np.random.default_rng(0).integers(32, size=(horizon, few))
    timings = time_in_turns(
        {
            "forward": make_forward(num_envs, SAgent.load(S_AGENT)),
            "vector": make_player(envs),
            "dummy": lambda: [dummy.step(action) for action in actions],
        },
        rounds,
    )
    per_forward, per_dummy = TARGETS[mode]
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
    """Compare the cost of an environment step in a large and a small vector environment."""
    sizes = (few, many)
    players = {str(num): make_player(make_vector_env(ENV_ID, num, **kwargs)) for num in sizes}
    timings = time_in_turns(players, max(3, rounds // 2), warm_up=1)
    cost = {num: 1e5 * timings.seconds(str(num)) / num for num in sizes}
    ratio = timings.ratio(str(many), str(few)) * few / many
    name = f"{kwargs['obs_mode']}: cost of an environment step, {many} / {few}"
    detail = f"{cost[many]:.1f} us, {cost[few]:.1f} us"
    return [Figure(name, ratio, "x", 1.0, at_least=False, detail=detail)]


def measure_memory(images: Path, num_envs: int) -> list[Figure]:
    """Measure the peak memory at three sizes, and whether it grows linearly."""
    figures = []
    for mode in MODES:
        sizes = [(4 if mode == "pixels" else 16) * num_envs // 4 * k for k in (1, 2, 4)]
        peaks = [
            measure_peak("benchmarks.speed.env", "--peak-of", num, mode, images)["peak_bytes"]
            for num in sizes
        ]
        first, second = ((peaks[i + 1] - peaks[i]) / (sizes[i + 1] - sizes[i]) for i in range(2))
        pairs = zip(sizes, peaks, strict=True)
        figures += [
            Figure(f"{mode}: peak memory of one more environment", second / 1e6, "MB"),
            Figure(
                f"{mode}: growth of peak memory, {sizes[1]}-{sizes[2]} / {sizes[0]}-{sizes[1]}",
                second / first,
                "x",
                1.2,
                at_least=False,
                detail=", ".join(f"{num}: {peak / 1e6:.0f} MB" for num, peak in pairs),
            ),
        ]
    return figures


if __name__ == "__main__":
    tyro.cli(main)
