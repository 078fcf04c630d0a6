"""How close `model.sample` comes to the cost of the drawn proposals; see docs/performance.md."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import torch
import tyro

from agents import GCGen
from benchmarks.speed.figures import Figure, report
from benchmarks.speed.task import ENV_ID, make_kwargs, set_threads, write_images
from benchmarks.speed.timing import time_in_turns
from gcgen_env.model.saved import pretrained_path


def main(num: int = 1024, rounds: int = 15, threads: int = 2, json: bool = False) -> list[Figure]:
    """Measure sampling, and how long the package takes to import.

    Args:
        num: Images of one call.
        rounds: Repetitions; medians are reported.
        threads: Threads of torch.
        json: Print JSON instead of a table.
    """
    set_threads(threads)
    model = GCGen(
        "GCPolicy",
        ENV_ID,
        s_agent=pretrained_path("mnist"),
        n_envs=1,
        env_kwargs={"dataset": str(make_kwargs(write_images(256))["dataset"])},
    )
    functions = {"sample": lambda: model.sample(num, seed=0), "rows": make_forward(model, num)}
    timings = time_in_turns(functions, rounds)
    rate = num / timings.seconds("sample")
    detail = f"{rate:.0f} images/s, {num / timings.seconds('rows'):.0f} images/s"
    ratio = timings.ratio("rows", "sample")
    name = f"sample({num}): images/s / H forwards of the drawn rows"
    figures = [Figure(name, ratio, "x", 0.8, detail=detail), measure_import(rounds)]
    report(figures, json)
    return figures


def make_forward(model: GCGen, num: int) -> Callable[[], None]:
    """Return a function that computes the H drawn proposals of `num` images, and no more."""
    network, horizon = model.s_agent.network, model.chain.horizon
    canvas = model.chain.dynamics.start(num)
    action = torch.from_numpy(model.encode(model.sample(num, seed=0)))  # as drawn from p_S

    @torch.no_grad()
    def forward() -> None:
        for h in range(horizon):
            network.propose_rows(canvas, torch.full((num,), h), action[:, h])

    return forward


def measure_import(rounds: int) -> Figure:
    """Compare importing `gcgen_env` with importing torch and Gymnasium, in fresh processes."""

    def run(code: str) -> Callable[[], float]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True).returncode

    functions = {"ours": run("import gcgen_env"), "theirs": run("import torch, gymnasium")}
    timings = time_in_turns(functions, max(3, rounds // 2))
    return Figure(
        "import gcgen_env / import torch, gymnasium",
        timings.ratio("ours", "theirs"),
        "x",
        1.2,
        at_least=False,
        detail=f"{timings.seconds('ours'):.2f} s, {timings.seconds('theirs'):.2f} s",
    )


if __name__ == "__main__":
    tyro.cli(main)
