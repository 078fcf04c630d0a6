"""What one update of both agents costs; see docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import tyro
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer
from torch import Tensor

from agents import GCGen
from agents.gcgen.choices import make_sampler
from agents.gcgen.rollout import Path
from examples.benchmarks.ddn_update import make_ddn_update
from examples.benchmarks.figures import Figure, report
from examples.benchmarks.memory import measure_peak, run_and_report
from examples.benchmarks.plain_update import plain_loss
from examples.benchmarks.task import ENV_ID, set_threads, write_images
from examples.benchmarks.timing import time_in_turns

WIDTHS = (128, 256)
"""The default width, and the one that figures of others were measured with."""


def main(
    batch_size: int = 128,
    rounds: int = 7,
    threads: int = 2,
    json: bool = False,
    peak: bool = False,
) -> list[Figure]:
    """Measure updates, every pair of durations in turns and in one process.

    Args:
        batch_size: Trajectories of one update.
        rounds: Repetitions; medians are reported.
        threads: Threads of torch.
        json: Print JSON instead of a table.
        peak: Instead of all this, print how much memory a few updates take.
    """
    set_threads(threads)
    images = str(write_images())
    if peak:
        run_and_report(lambda: [update(make_model(images, batch_size)) for _ in range(3)])
        return []
    figures = []
    for width in WIDTHS:
        figures += compare_updates(make_model(images, batch_size, width), rounds)
    figures += measure_memory(make_model(images, batch_size), batch_size)
    report(figures, json)
    return figures


def make_model(images: str, batch_size: int, width: int = 128) -> GCGen:
    """Make a model whose updates are those of its first epochs: a few are made already."""
    model = GCGen(
        "GCPolicy",
        ENV_ID,
        seed=0,
        n_envs=batch_size,
        batch_size=batch_size,
        s_agent_kwargs={"width": width},
        env_kwargs={"dataset": images},
    )
    model.learn(5 * batch_size * model.chain.horizon)
    return model


def update(model: GCGen) -> Path:
    """Make one update from fresh goals."""
    return model.train()


def compare_updates(model: GCGen, rounds: int) -> list[Figure]:
    """Compare the update with plain autograd, and with Discrete Distribution Networks."""
    network, batch_size = model.s_agent.network, model.batch_size
    goals = model._sample_goals()
    functions: dict[str, Callable[[], Any]] = {
        "ours": model.train,
        "plain": lambda: make_plain_update(model)(goals),
    }
    try:
        ddn_update = make_ddn_update(network.config, len(network.pixels))
        functions["ddn"] = lambda: ddn_update(network.compress(goals))
    except ImportError:
        print('sddn is not installed, its row is left out: pip install "gcgen[bench]"')
    timings = time_in_turns(functions, rounds)
    ours = 1e3 * timings.seconds("ours")
    names = {"plain": "plain autograd", "ddn": "DDN's own layer (sddn)"}
    return [
        Figure(
            f"width {network.config.width}, batch {batch_size}: speed / {names[name]}",
            timings.ratio(name, "ours"),
            "x",
            2.5,
            detail=f"{ours:.0f} ms, {1e3 * timings.seconds(name):.0f} ms, "
            f"{1e3 * batch_size / ours:.0f} images/s",
        )
        for name in functions
        if name != "ours"
    ]


def make_plain_update(model: GCGen) -> Callable[[Tensor], None]:
    """Return the update in plain autograd: the same optimisers, the same mathematics."""

    def plain_update(goals: Tensor) -> None:
        choose = make_sampler(torch.Generator().manual_seed(0))
        loss = plain_loss(model.s_agent, model.policy, goals, choose)
        for optimizer in (model.optimizer, model.policy.optimizer):
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        model.optimizer.step()
        model.policy.optimizer.step()

    return plain_update


def measure_memory(model: GCGen, batch_size: int) -> list[Figure]:
    """Measure what a transition occupies, and the peak of a few updates."""
    path, goals = model.train(), model._sample_goals()
    own = sum(part.nbytes for part in (*path, goals)) / path.action.numel()
    buffer = make_sb3_buffer(model)
    theirs = sum(array[0].nbytes for array in buffer.observations.values())
    theirs += sum(
        getattr(buffer, name)[0].nbytes
        for name in ("actions", "rewards", "returns", "episode_starts", "values", "log_probs")
    )
    peak = measure_peak("examples.bench_training", "--peak", "--batch-size", batch_size)
    return [
        Figure(
            "a stored transition: DictRolloutBuffer / ours",
            theirs / own,
            "x",
            50.0,
            detail=f"{theirs / 1e3:.1f} kB, {own / 1e3:.2f} kB",
        ),
        Figure(
            f"peak memory of making a model and 3 updates of {batch_size}",
            peak["peak_bytes"] / 1e6,
            "MB",
        ),
    ]


def make_sb3_buffer(model: GCGen) -> DictRolloutBuffer:
    """Make SB3's buffer of one transition of the environment with pixels."""
    assert isinstance(model.observation_space, spaces.Dict)
    return DictRolloutBuffer(1, model.observation_space, model.action_space, device="cpu")


if __name__ == "__main__":
    tyro.cli(main)
