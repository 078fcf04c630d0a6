"""Runs the three benchmarks, each in a process of its own, and prints one table."""

from __future__ import annotations

import json
import subprocess
import sys

import tyro

from benchmarks.speed.figures import Figure, report

NAMES = ("env", "training", "sampling")


def main(threads: int = 2) -> list[Figure]:
    """Measure everything that docs/performance.md has a target for.

    Args:
        threads: Threads of torch.
    """
    figures = []
    for name in NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        command = [
            sys.executable,
            "-m",
            f"benchmarks.speed.{name}",
            "--json",
            "--threads",
            str(threads),
        ]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        document = json.loads(output[output.index("{") :])
        figures += [Figure.from_json(entry) for entry in document["figures"]]
    report(figures)
    return figures


if __name__ == "__main__":
    tyro.cli(main)
