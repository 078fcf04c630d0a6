"""Measures how MNIST's digits follow a wish: guided by a class or pixels, or conditional.

python -m benchmarks.guidance --what classes --out guidance_classes.csv
python -m benchmarks.guidance --what conditional --s-agent runs/digits/s_agent.safetensors
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.guidance.classes import measure_classes
from benchmarks.guidance.conditional import measure_conditional
from benchmarks.guidance.hidden import NAMES, measure_hidden
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent

STUDIES = {
    "classes": (
        measure_classes,
        ("rule", "scale", "particles", "calls", "hit_rate", "coverage"),
    ),
    "conditional": (
        measure_conditional,
        ("nucleus", "hit_rate", "error", "coverage"),
    ),
    "hidden": (
        measure_hidden,
        ("hidden", "rule", "particles", *NAMES),
    ),
}
"""What can be measured, and the columns of its table."""


def main(argv: Sequence[str] | None = None) -> None:
    """Read the options, measure, and write a table."""
    parser = argparse.ArgumentParser("benchmarks.guidance", description=__doc__)
    parser.add_argument("--what", choices=STUDIES, default="classes")
    parser.add_argument("--num", type=int, default=50, help="images of each class, or goals")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--s-agent", type=Path, default=pretrained_path("mnist"), help="by default the shipped one"
    )
    parser.add_argument("--out", type=Path, default=Path("guidance.csv"))
    options = parser.parse_args(argv)
    if options.num < 1:
        parser.error(f"--num must be at least 1, got {options.num}")
    torch.set_num_threads(1)
    measure, fields = STUDIES[options.what]
    s_agent = SAgent.load(options.s_agent)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        for row in measure(s_agent, options.num, options.seed):
            writer.writerow({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()})
            file.flush()
            print(row, flush=True)


if __name__ == "__main__":
    main()
