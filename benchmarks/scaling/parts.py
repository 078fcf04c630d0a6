"""Measures the parts of an update on one core: what grows with the rows, and what does not."""

from __future__ import annotations

import time
from typing import Any

import torch

from agents import GCGen
from agents.gcgen.losses import s_agent_loss
from benchmarks.scaling.cost import UpdateCost, fit_line
from benchmarks.speed.timing import time_in_turns
from gcgen_env.model.sampling import Share, make_sampler

ROWS = (16, 32, 64, 128)
"""Numbers of rows that are measured."""


def measure_parts(env: str, rounds: int) -> tuple[UpdateCost, list[dict[str, Any]]]:
    """Measure CPU seconds with one thread.

    Args:
        env: Id of an environment.
        rounds: Repetitions; medians are reported.

    Returns:
        The constants, and a row of a table for each number of rows.
    """
    torch.set_num_threads(1)
    model = GCGen("GCPolicy", env, seed=0, device="cpu", n_envs=max(ROWS), batch_size=max(ROWS))
    images = model._split(model.env.sample_images())[0]
    share = Share(1024, slice(0, 1), 1.0)
    log_q = torch.zeros(1, model.s_agent.chain.num_proposals)
    draw = make_sampler(torch.Generator().manual_seed(0), share)

    def draw_all() -> None:
        for _ in range(model.s_agent.chain.horizon):
            draw(log_q)

    functions: dict[str, Any] = {
        str(num): lambda num=num: differentiate(model, images[:num]) for num in ROWS
    }
    functions |= {"optimizer": model.optimizer.step, "draw": draw_all}
    timings = time_in_turns(functions, rounds, clock=time.process_time)
    points = [(float(num), timings.seconds(str(num))) for num in ROWS]
    fixed, row = fit_line(points)
    weights = model.s_agent.network.parameters()
    cost = UpdateCost(
        fixed=fixed,
        row=row,
        optimizer=timings.seconds("optimizer"),
        draw=timings.seconds("draw") / share.num,
        num_bytes=sum(4 * w.numel() for w in weights if w.requires_grad),
    )
    table = [{"what": f"gradient of {int(x)} rows", "seconds": y} for x, y in points]
    table += [{"what": name, "seconds": value} for name, value in vars(cost).items()]
    return cost, table


def differentiate(model: Any, goals: torch.Tensor) -> None:
    """Compute the gradients of an update, and leave the weights as they are."""
    share = model.ranks.share(len(goals))
    trajectories = model._roll_out(goals, model._fixed_agent(), share, None)
    loss = s_agent_loss(model.s_agent.chain, trajectories, goals, 1.0)
    model.ranks.differentiate(loss, share, model.optimizer)
