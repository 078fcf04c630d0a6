"""Run every benchmark in a process of its own and print one table."""

from __future__ import annotations

import json
import subprocess
import sys

import tyro

from benchmarks.speed.figures import Figure, report

NAMES = ("env", "ppo", "training", "sampling")


def main(threads: int = 2) -> list[Figure]:
    """Measure everything that docs/performance.md gives a target for.

    Args:
        threads: Number of torch threads.
    """
    figures = []
    for name in NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        module, options = f"benchmarks.speed.{name}", ("--json", "--threads", str(threads))
        command = [sys.executable, "-m", module, *options]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        document = json.loads(output[output.index("{") :])
        figures += [Figure.from_json(entry) for entry in document["figures"]]
    report(figures)
    return figures


if __name__ == "__main__":
    tyro.cli(main)
