"""Time and memory of an S-agent update, relative to plain autograd, DDN's layer and SB3."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import torch
import tyro
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer
from torch import Tensor

from agents import GCGen
from benchmarks.speed.ddn_update import make_ddn_update
from benchmarks.speed.figures import Figure, report
from benchmarks.speed.memory import measure_peak, run_and_report
from benchmarks.speed.plain_update import plain_loss
from benchmarks.speed.task import (
    ENV_ID,
    get_s_agent_update,
    make_kwargs,
    prepare_process,
    write_images,
)
from benchmarks.speed.timing import time_in_turns
from gcgen_env.model.sampling import make_sampler

WIDTHS = (128, 256)
"""Width of the networks: the default, and twice the default."""


def main(
    batch_size: int = 128,
    rounds: int = 7,
    threads: int = 2,
    json: bool = False,
    peak: bool = False,
) -> list[Figure]:
    """Measure updates; functions that are compared run alternately in one process.

    Args:
        batch_size: Number of trajectories of one update.
        rounds: Repetitions; medians are reported.
        threads: Number of torch threads.
        json: Print JSON instead of a table.
        peak: Print the memory that a model and five updates take, and measure nothing else.
    """
    prepare_process(threads)
    images = str(write_images())
    if peak:
        run_and_report(lambda: make_model(images, batch_size))
        return []
    figures = []
    for width in WIDTHS:
        figures += compare_updates(images, batch_size, width, rounds)
    figures += measure_memory(images, batch_size)
    report(figures, json)
    return figures


def make_model(images: str, batch_size: int, width: int = 128, rule: str = "gcgen") -> GCGen:
    """Train a model for five updates; the rule "ddn" is hard selection with a uniform prior."""
    terms = {"prior": False, "learned": False, "hard": True, "look_ahead": (1.0, 1.0)}
    model = GCGen(
        "GCPolicy",
        ENV_ID,
        seed=0,
        n_envs=batch_size,
        batch_size=batch_size,
        s_agent_kwargs={"width": width, "uniform_prior": rule == "ddn"},
        policy_kwargs=terms if rule == "ddn" else None,
        env_kwargs={"dataset": images},
    )
    return model.learn(5 * batch_size * model.chain.horizon)


def compare_updates(images: str, batch_size: int, width: int, rounds: int) -> list[Figure]:
    """Compare the update with plain autograd and with Discrete Distribution Networks."""
    model = make_model(images, batch_size, width)
    goals, update = get_s_agent_update(model)
    _, update_by_rule = get_s_agent_update(make_model(images, batch_size, width, rule="ddn"))
    network = model.s_agent.network
    functions: dict[str, Callable[[], Any]] = {
        "ours": lambda: update(goals),
        "rule": lambda: update_by_rule(goals),
        "plain": lambda: plain_update(model, goals),
    }
    pairs = [("plain", "ours", "update / plain autograd")]
    try:
        ddn_update = make_ddn_update(network.config, len(network.pixels))
        functions["ddn"] = lambda: ddn_update(network.compress(goals))
        pairs.append(("ddn", "ours", "update / DDN's own layer (sddn)"))
        pairs.append(("ddn", "rule", "update by DDN's rule / DDN's own layer (sddn)"))
    except ImportError:
        print(
            "sddn is not installed, its figures are left out: pip install -e '.[bench]'",
            file=sys.stderr,
        )
    timings = time_in_turns(functions, rounds)
    figures = []
    for slow, fast, name in pairs:
        milliseconds = [1e3 * timings.seconds(which) for which in (fast, slow)]
        detail = "{:.0f} ms, {:.0f} ms".format(*milliseconds)
        detail += f", {1e3 * batch_size / milliseconds[0]:.0f} images/s"
        name = f"width {width}, batch {batch_size}: {name}"
        figures.append(Figure(name, timings.ratio(slow, fast), "x", 2.5, detail=detail))
    return figures


def plain_update(model: GCGen, goals: Tensor) -> None:
    """Update the S-agent in plain autograd, with the model's own optimiser."""
    choose = make_sampler(torch.Generator().manual_seed(0))
    loss = plain_loss(model.s_agent, model.policy, goals, choose, model.config.auxiliary)
    model.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    model.optimizer.step()


def measure_memory(images: str, batch_size: int) -> list[Figure]:
    """Measure the size of a stored transition and the peak memory of five updates."""
    goals, update = get_s_agent_update(make_model(images, batch_size))
    trajectories = update(goals)
    own = sum(part.nbytes for part in (*trajectories, goals)) / trajectories.action.numel()
    buffer = make_sb3_buffer(images)
    theirs = sum(array[0].nbytes for array in buffer.observations.values())
    theirs += sum(
        getattr(buffer, name)[0].nbytes
        for name in ("actions", "rewards", "returns", "episode_starts", "values", "log_probs")
    )
    peak = measure_peak("benchmarks.speed.training", "--peak", "--batch-size", batch_size)
    return [
        Figure(
            "a stored transition: DictRolloutBuffer / ours",
            theirs / own,
            "x",
            50.0,
            detail=f"{theirs / 1e3:.1f} kB, {own / 1e3:.2f} kB",
        ),
        Figure(
            f"peak memory of making a model and 5 updates of {batch_size}",
            peak["peak_bytes"] / 1e6,
            "MB",
        ),
    ]


def make_sb3_buffer(images: str) -> DictRolloutBuffer:
    """Make SB3's rollout buffer for one transition of the environment in pixels mode."""
    env = gym.make(ENV_ID, **make_kwargs(images))
    assert isinstance(env.observation_space, spaces.Dict)
    return DictRolloutBuffer(1, env.observation_space, env.action_space, device="cpu")


if __name__ == "__main__":
    tyro.cli(main)
