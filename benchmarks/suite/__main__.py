"""Plays the suite as the references do; writes a table, the pictures and the pages of its tasks.

python -m benchmarks.suite --envs GCGen-PlaneReach-v0
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from agents.benchmark.tasks import SUITE_IDS
from benchmarks.suite.pages import write_pages
from benchmarks.suite.pictures import draw_task, find_picture
from benchmarks.suite.plays import play_references, summarise_plays, write_rows


def main(argv: Sequence[str] | None = None) -> None:
    """Read the options, play, draw and write."""
    parser = argparse.ArgumentParser("benchmarks.suite", description=__doc__)
    parser.add_argument("--envs", nargs="+", choices=SUITE_IDS, default=SUITE_IDS)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    for env in options.envs:
        plays = play_references(env)
        write_rows(summarise_plays(env, plays))
        draw_task(env, plays, find_picture(env))
        print(f"{env}: {find_picture(env)}", flush=True)
    write_pages()


if __name__ == "__main__":
    main()
