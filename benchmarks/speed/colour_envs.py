"""Speed of environments of colour images beside those of MNIST, relative to their proposers."""

from __future__ import annotations

from pathlib import Path

import tyro

from agents import GCGen, SAgent
from benchmarks.speed.env import MODES, make_forward, make_player
from benchmarks.speed.figures import Figure, report
from benchmarks.speed.task import ENV_ID, S_AGENT, make_vector_env, prepare_process, write_images
from benchmarks.speed.timing import time_in_turns

IMAGES = "GCGen-Images-v0"


def main(
    data: Path,
    num_proposals: tuple[int, ...] = (64,),
    num_envs: int = 64,
    rounds: int = 3,
    threads: int = 1,
    json: bool = False,
) -> list[Figure]:
    """Play episodes of new S-agents, whose proposals cost what those of trained ones cost.

    Args:
        data: Images, in any form that `dataset=` accepts.
        num_proposals: A of the new S-agents.
        num_envs: Number of environments of a batch.
        rounds: Repetitions; medians are reported.
        threads: Number of torch threads.
        json: Print JSON instead of a table.
    """
    prepare_process(threads)
    tasks = {"MNIST": (ENV_ID, {"dataset": str(write_images())}, SAgent.load(S_AGENT))}
    for num in num_proposals:
        task = {"dataset": str(data), "num_proposals": num}
        model = GCGen("GCPolicy", IMAGES, env_kwargs=task, seed=0)
        tasks[f"{data.stem}, A = {num}"] = (IMAGES, {"dataset": str(data)}, model.s_agent)
    figures = []
    for name, (env_id, kwargs, s_agent) in tasks.items():
        for mode in MODES:
            envs = make_vector_env(env_id, num_envs, proposer=s_agent, obs_mode=mode, **kwargs)
            players = {"forward": make_forward(num_envs, s_agent), "vector": make_player(envs)}
            timings = time_in_turns(players, rounds)
            bare, step = (1e3 * timings.seconds(n) / envs.config.horizon for n in players)
            figures.append(
                Figure(
                    f"{name}, {mode}: speed / bare dense forward, {num_envs} environments",
                    timings.ratio("forward", "vector"),
                    "x",
                    detail=f"step {step:.1f} ms, forward {bare:.1f} ms",
                )
            )
    report(figures, json)
    return figures


if __name__ == "__main__":
    tyro.cli(main)
