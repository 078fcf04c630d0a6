"""Train every variant for the same time, and write one table and one plot."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from agents.common.provenance import set_threads
from benchmarks.ablation.report import COLUMNS, make_table, plot, read_rows, write_markdown
from benchmarks.ablation.trial import Measurement, run_trial
from benchmarks.ablation.variants import list_variants
from benchmarks.trials import choose_names, folder_of, is_done, record_settings
from gcgen_env import keep_freed_memory
from gcgen_env.model.build import open_data
from gcgen_env.tasks import ENV_CONFIGS


def main(
    env: str = "GCGen-Digits-v0",
    minutes: float = 1.0,
    seeds: tuple[int, ...] = (0,),
    variants: tuple[str, ...] = ("*",),
    out: Path | None = None,
    split: str = "validation",
    num_images: int = 10_000,
    iw_images: int = 200,
    paths: int = 64,
    threads: int = 2,
) -> None:
    """Compare variants of the method at equal training time; interrupted runs resume.

    Args:
        env: Id of an environment.
        minutes: Training time of each trial.
        seeds: Seeds of each variant.
        variants: Names or patterns such as "ddn*"; "list" prints the names.
        out: Folder of the trials; by default runs/ablation/<id>-<minutes>.
        split: Images to evaluate; use "validation" to make choices.
        num_images: Number of images, the first ones, for -ELBO.
        iw_images: Number of images for the importance-weighted bound IW-M.
        paths: M, the number of paths of each image.
        threads: Number of torch threads.
    """
    known = list_variants(env)
    if variants == ("list",):
        print("\n".join(variant.name for variant in known))
        return
    names = choose_names([variant.name for variant in known], variants)
    chosen = [variant for variant in known if variant.name in names]
    set_threads(threads)
    keep_freed_memory()
    data = open_data(ENV_CONFIGS[env]).split(split)
    images = data.take(np.arange(min(num_images, len(data))))
    measurement = Measurement(
        env, minutes, split, len(images), min(iw_images, len(images)), paths, threads
    )
    out = out or Path("runs/ablation") / f"{env.split('-')[1].lower()}-{minutes:g}"
    record_settings(out, asdict(measurement))
    for i, (seed, variant) in enumerate((s, v) for s in seeds for v in chosen):
        folder = folder_of(out, variant.name, seed)
        if not is_done(folder, variant.options):
            total = len(seeds) * len(chosen)
            print(f"[{i + 1}/{total}] {variant.name}, seed {seed}", file=sys.stderr, flush=True)
            run_trial(variant, seed, measurement, images, folder)
    rows = read_rows(out, names, seeds)
    write_markdown(out / "table.md", measurement, rows)
    plot(out / "bound.png", measurement, rows)
    table = Table(*COLUMNS, title=f"{env}, {minutes:g} minutes, {split} images, nats")
    for cells in make_table(rows):
        table.add_row(*cells)
    Console(width=None if sys.stdout.isatty() else 180).print(table)
    print(f"wrote {out / 'table.md'} and {out / 'bound.png'}")


if __name__ == "__main__":
    tyro.cli(main)
