"""Measures data parallel training, and predicts it for more processes than this machine has.

python -m benchmarks.scaling parts sums --out scaling
python -m benchmarks.scaling predict --out scaling
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.scaling.cost import LINK_LATENCY, LINKS, Network, UpdateCost
from benchmarks.scaling.figure import draw
from benchmarks.scaling.loopback import measure_sums
from benchmarks.scaling.parts import measure_parts
from benchmarks.scaling.simulation import simulate
from benchmarks.scaling.speedup import Task, measure_training

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Numbers of processes that are predicted."""
WAYS = ((1, 1), (1, 2), (2, 1), (4, 1))
"""Processes, and threads of each, that are measured."""

Rows = list[dict[str, Any]]


def parts(options: argparse.Namespace) -> Rows:
    """Measure the parts of an update on one core, and keep the constants."""
    cost, table = measure_parts(options.env, options.rounds)
    (options.out / "cost.json").write_text(json.dumps(vars(cost), indent=1) + "\n")
    return table


def sums(options: argparse.Namespace) -> Rows:
    """Measure sums over processes of this machine."""
    rows: Rows = []
    for size in (2, 4):
        network, table = measure_sums(size, options.rounds)
        rows += [{**row, **vars(network)} for row in table]
    return rows


def speedup(options: argparse.Namespace) -> Rows:
    """Measure trainings with the same batch, in several processes or threads."""
    rows: Rows = []
    for batch in options.batches:
        for seed in range(options.seeds):
            for processes, threads in WAYS:
                task = Task(options.env, batch, options.updates, seed, options.data)
                rows.append(measure_training(task, processes, threads))
                print(
                    f"batch {batch}, seed {seed}, {processes} processes of {threads} threads:"
                    f" {rows[-1]['images_per_second']:.0f} images/s",
                    flush=True,
                )
    return rows


def predict(options: argparse.Namespace) -> Rows:
    """Predict updates of up to 1,024 processes from the constants of `parts`, and draw them."""
    cost = UpdateCost(**json.loads((options.out / "cost.json").read_text()))
    rows = [
        describe(cost, link, batch, size)
        for batch in options.batches
        for link in LINKS
        for size in SIZES
        if size <= batch
    ]
    draw(rows, options.out / "scaling.png")
    return rows


def describe(cost: UpdateCost, link: str, batch: int, size: int) -> dict[str, Any]:
    """Return the prediction of an update of B rows by N processes."""
    network = Network(LINK_LATENCY, LINKS[link])
    alone = simulate(cost, network, batch, 1)
    return {
        "batch": batch,
        "link": link,
        "processes": size,
        "bytes_sent": round(2 * (size - 1) / size * cost.num_bytes),
        "all_reduce": network.all_reduce(cost.num_bytes, size),
        "seconds": cost.update(batch, size, network),
        "speedup": cost.speedup(batch, size, network),
        "simulated": alone / simulate(cost, network, batch, size),
    }


STUDIES: dict[str, Callable[[argparse.Namespace], Rows]] = {
    "parts": parts,
    "sums": sums,
    "speedup": speedup,
    "predict": predict,
}
"""What can be measured."""


def main(argv: Sequence[str] | None = None) -> None:
    """Read the options, and write a table for each study."""
    parser = argparse.ArgumentParser("benchmarks.scaling", description=__doc__)
    parser.add_argument("what", choices=STUDIES, nargs="+")
    parser.add_argument("--env", default="GCGen-MNIST-v0")
    parser.add_argument("--data", help="images of GCGen-Images-v0, for speedup")
    parser.add_argument("--rounds", type=int, default=15, help="repetitions of a measurement")
    parser.add_argument("--updates", type=int, default=100, help="updates of a training")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 512, 4096])
    parser.add_argument("--out", type=Path, default=Path("scaling"), help="folder of the tables")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.what:
        rows = STUDIES[name](options)
        with (options.out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            fields = list({key: None for row in rows for key in row})
            writer = csv.DictWriter(file, fields, lineterminator="\n")
            writer.writeheader()
            for row in rows:
                writer.writerow(
                    {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
                )
        print(f"wrote {options.out / name}.csv, {len(rows)} rows", flush=True)


if __name__ == "__main__":
    main()
