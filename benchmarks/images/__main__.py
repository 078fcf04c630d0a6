"""Train generative models of the user's images for the same time, and write one table."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from agents.common.augmentation import Augmentation
from agents.common.provenance import set_threads
from benchmarks.images.contenders import list_variants
from benchmarks.images.report import COLUMNS, make_table, read_results, write_markdown
from benchmarks.images.trial import Measurement, run_trial
from benchmarks.trials import choose_names, folder_of, is_done, record_settings
from gcgen_env import EnvConfig, keep_freed_memory
from gcgen_env.atomic_files import write_json
from gcgen_env.datasets import DataSource
from gcgen_env.datasets.size_advice import suggest_task
from gcgen_env.model.build import open_data
from gcgen_env.tasks import ENV_CONFIGS

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main(
    data: str,
    minutes: float = 3.0,
    seeds: tuple[int, ...] = (0,),
    variants: tuple[str, ...] = ("*",),
    out: Path | None = None,
    image_size: int | None = None,
    num_proposals: int | None = None,
    horizon: int | None = None,
    augment: tuple[Augmentation, ...] = (),
    num_images: int = 300,
    threads: int = 1,
) -> int:
    """Compare GCGen, DDN's rule and a convolutional autoencoder; interrupted runs resume.

    Args:
        data: A .npy, a .npz or a folder of images, such as `gcgen prepare` writes, or a name.
        minutes: Training time of each model, of the processor.
        seeds: Seeds of each model.
        variants: Names or patterns such as "g*"; "list" prints the names.
        out: Folder of the trials; by default runs/images/<data>-<minutes>.
        image_size: Resize images to this height and width.
        num_proposals: A; by default what suits the size of the images.
        horizon: H; by default what suits the size of the images.
        augment: Random changes of the training images, for all models alike.
        num_images: Largest number of images of each split that are evaluated.
        threads: Number of torch threads.

    Returns:
        The exit code.
    """
    config, source = make_task(data, image_size, num_proposals, horizon)
    known = list_variants(config, augment)
    if variants == ("list",):
        print("\n".join(variant.name for variant in known))
        return 0
    names = choose_names([variant.name for variant in known], variants)
    set_threads(threads)
    keep_freed_memory()
    digest = source.split("train").digest()
    measurement = Measurement(
        Path(data).name, digest, minutes, config.num_proposals, config.horizon, augment,
        num_images, threads,
    )  # fmt: skip
    out = out or Path("runs/images") / f"{Path(data).stem}-{minutes:g}"
    record_settings(out, asdict(measurement))
    chosen = [variant for variant in known if variant.name in names]
    code = 0
    try:
        for i, (seed, variant) in enumerate((s, v) for s in seeds for v in chosen):
            folder = folder_of(out, variant.name, seed)
            if not is_done(folder, variant.options):
                total = len(seeds) * len(chosen)
                print(f"[{i + 1}/{total}] {variant.name}, seed {seed}", file=sys.stderr, flush=True)
                run_trial(variant, seed, measurement, source, folder)
    except KeyboardInterrupt:
        code = INTERRUPTED
        print("stopped; the same command continues with this model", file=sys.stderr)
    write_report(out, measurement, names, seeds)
    return code


def make_task(
    data: str,
    image_size: int | None,
    num_proposals: int | None,
    horizon: int | None,
) -> tuple[EnvConfig, DataSource]:
    """Return the configuration of an environment of some images, and the images.

    Raises:
        ValueError: If there are no such images, or they are points.
    """
    config = replace(ENV_CONFIGS["GCGen-Images-v0"], dataset=data, image_size=image_size)
    source = open_data(config)
    shape = source.split("train").shape
    if len(shape) != 3:
        raise ValueError(f"--data must name images, and {data} holds points of shape {shape}")
    a, h = suggest_task(max(shape[1:]), shape[0] == 1)
    return replace(config, num_proposals=num_proposals or a, horizon=horizon or h), source


def write_report(
    out: Path, measurement: Measurement, names: list[str], seeds: tuple[int, ...]
) -> None:
    """Print and write the table of the finished trials; nothing without any."""
    results = read_results(out, names, seeds)
    if not results:
        return
    write_markdown(out / "table.md", measurement, results)
    write_json(out / "results.json", results)
    table = Table(*COLUMNS, title=f"{measurement.data}, {measurement.minutes:g} minutes")
    for cells in make_table(results):
        table.add_row(*cells)
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    print(f"wrote {out / 'table.md'}, {out / 'results.json'} and the sheets of each model")


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
