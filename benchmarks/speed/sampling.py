"""Speed of `GCGen.sample`, relative to computing the sampled proposals alone; import time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import torch
import tyro

from agents import GCGen
from benchmarks.speed.figures import Figure, report
from benchmarks.speed.task import ENV_ID, S_AGENT, prepare_process, write_images
from benchmarks.speed.timing import time_in_turns


def main(num: int = 1024, rounds: int = 15, threads: int = 2, json: bool = False) -> list[Figure]:
    """Measure the speed of sampling and the import time of `gcgen_env`.

    Args:
        num: Number of images of one call.
        rounds: Repetitions; medians are reported.
        threads: Number of torch threads.
        json: Print JSON instead of a table.
    """
    prepare_process(threads)
    env_kwargs = {"dataset": str(write_images(256))}
    model = GCGen("GCPolicy", ENV_ID, s_agent=S_AGENT, n_envs=1, env_kwargs=env_kwargs)
    functions = {"sample": lambda: model.sample(num, seed=0), "forward": make_forward(model, num)}
    timings = time_in_turns(functions, rounds)
    rate = num / timings.seconds("sample")
    detail = f"{rate:.0f} images/s, {num / timings.seconds('forward'):.0f} images/s"
    ratio = timings.ratio("forward", "sample")
    name = f"sample({num}): speed / H forwards of the sampled proposals"
    figures = [Figure(name, ratio, "x", 0.8, detail=detail), measure_import(rounds)]
    report(figures, json)
    return figures


def make_forward(model: GCGen, num: int) -> Callable[[], None]:
    """Return a function that only computes the H sampled proposals of `num` images."""
    network, horizon = model.s_agent.network, model.chain.horizon
    canvas = model.chain.dynamics.start(num)
    action = torch.from_numpy(model.encode(model.sample(num, seed=0)))  # (num, H)

    @torch.no_grad()
    def forward() -> None:
        for h in range(horizon):
            network.lazy(canvas, torch.full((num,), h)).chosen(action[:, h])

    return forward


def measure_import(rounds: int) -> Figure:
    """Compare the import time of `gcgen_env` with that of torch and Gymnasium."""

    def run(code: str) -> Callable[[], float]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True).returncode

    functions = {"gcgen_env": run("import gcgen_env"), "others": run("import torch, gymnasium")}
    timings = time_in_turns(functions, max(3, rounds // 2))
    return Figure(
        "import gcgen_env / import torch, gymnasium",
        timings.ratio("gcgen_env", "others"),
        "x",
        1.2,
        at_least=False,
        detail=f"{timings.seconds('gcgen_env'):.2f} s, {timings.seconds('others'):.2f} s",
    )


if __name__ == "__main__":
    tyro.cli(main)
