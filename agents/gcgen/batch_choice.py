"""`batch_size="auto"`: the largest batch that pays on a GPU, measured as a model is built."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from agents.common.goal_vec_env import GoalVecEnv

DEFAULT = 64
"""The batch on a CPU, on which larger ones learn less in the same time."""
LEAST, MOST = 8, 8192
"""Smallest and largest batch on a GPU."""
MEMORY_SHARE = 0.6
"""Share of the free memory that an update may take; evaluations and fragments need the rest."""
GAIN = 1.1
"""A batch of twice the size has to process this many times as many images per second."""


class Cost(NamedTuple):
    """What an update of a batch costs."""

    num_bytes: int
    """Largest memory that it takes, in bytes."""
    seconds: float
    """Its duration."""


class Choice(NamedTuple):
    """A batch, and why."""

    size: int
    """Trajectories of an update."""
    reason: str
    """The reason, to be printed."""


def settle_batch_size(model: Any) -> None:
    """Replace `batch_size="auto"` of a `GCGen` model by a number, and `n_envs` if that is smaller.

    A checkpoint keeps the number, so that a resumed training goes on with it. The measurement
    changes neither weights nor random generators.
    """
    if model.config.batch_size != "auto":
        return
    if model.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(model.device)
        choice = choose(lambda num: measure_update(model, num), free)
    else:
        choice = Choice(DEFAULT, "the default without a GPU")
    _use(model, choice)


def choose(measure: Callable[[int], Cost], free: int) -> Choice:
    """Choose the largest power of two that fits, and is faster than the one before.

    Args:
        measure: Measures the update of a batch; it may raise torch's `OutOfMemoryError`.
        free: Bytes of memory that are free.

    Raises:
        ValueError: If not even the smallest batch fits.
    """
    best, cost = 0, Cost(0, float("inf"))
    size, why = LEAST, f"no larger one is allowed than {MOST:,}"
    while size <= MOST:
        try:
            new = measure(size)
        except torch.OutOfMemoryError:
            new = Cost(free, float("inf"))
        if new.num_bytes > MEMORY_SHARE * free:
            why = f"twice as many would take more than {MEMORY_SHARE:.0%} of the free memory"
            break
        if best and size / new.seconds < GAIN * best / cost.seconds:
            why = "twice as many would not be faster for each image"
            break
        best, cost, size = size, new, 2 * size
    if not best:
        raise ValueError(
            f"batch_size='auto': an update of {LEAST} trajectories needs more than "
            f"{MEMORY_SHARE:.0%} of the {free / 1e9:.1f} GB that are free on the GPU; use "
            "smaller images or a smaller S-agent"
        )
    taken = f"an update takes {cost.num_bytes / 1e9:.2f} of {free / 1e9:.1f} GB"
    return Choice(best, f"{taken}, and {why}")


def measure_update(model: Any, num: int) -> Cost:
    """Measure the update of a batch on the GPU of a model."""
    device = model.device
    torch.cuda.empty_cache()  # of the batch before
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    update = make_trial(model, num)
    for _ in range(2):  # kernels are loaded, and the optimiser makes its state
        update()
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    update()
    torch.cuda.synchronize(device)
    seconds = time.perf_counter() - start
    return Cost(torch.cuda.max_memory_allocated(device) - before, seconds)


def make_trial(model: Any, num: int) -> Callable[[], None]:
    """Return a function that makes the updates of a batch of `num`, with a copy of a model."""
    devices = [model.device] if model.device.type == "cuda" else []
    trial, data = copy.copy(model), model.env.goals.dataset
    with torch.random.fork_rng(devices):  # a new policy draws its weights
        trial._finish_setup(copy.deepcopy(model.s_agent))
    trial._generator = torch.Generator().manual_seed(0)
    images = data.take(np.arange(num) % len(data))  # (num, *S), grey or not: the cost is the same
    goals = torch.from_numpy(images).to(model.device)

    def update() -> None:
        if trial.config.train_s_agent:
            trial.update_s_agent(goals)
        if trial.policy.selection.learned:
            trial.update_gc_agent(goals)

    return update


def _use(model: Any, choice: Choice) -> None:
    """Set the batch of a model, and draw enough goals for it at a time."""
    num, old = max(choice.size, model.config.n_envs), model.env
    model.config = replace(model.config, batch_size=choice.size, n_envs=num)
    model.batch_reason = choice.reason
    if num != old.num_envs:
        spaces = old.observation_space, int(old.action_space.n)
        model.env, model.n_envs = GoalVecEnv(old.goals, num, *spaces, old.replacement), num
        model.env.draws_state = old.draws_state  # it is seeded already
