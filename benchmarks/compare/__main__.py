"""Train generative models for the same time; write one table and one picture."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from agents.common.augmentation import Augmentation
from agents.common.provenance import set_threads
from benchmarks.compare.contenders import (
    AGENTS,
    NAMES,
    Variant,
    check_packages,
    make_variant,
)
from benchmarks.compare.picture import draw_comparison
from benchmarks.compare.quality import REAL, SampleJudge
from benchmarks.compare.report import make_tables, read_results, read_scores, write_markdown
from benchmarks.compare.settings import find_settings
from benchmarks.compare.trial import Measurement, run_trial
from benchmarks.trials import choose_names, folder_of, is_done, record_settings
from gcgen_env import EnvConfig, keep_freed_memory
from gcgen_env.atomic_files import write_json
from gcgen_env.datasets import DataSource
from gcgen_env.model.build import open_data
from gcgen_env.model.fresh import choose_components
from gcgen_env.model.open_sizes import fill_sizes
from gcgen_env.tasks import GENERATIVE

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main(
    data: str = "mnist",
    minutes: float = 10.0,
    seeds: tuple[int, ...] = (0,),
    variants: tuple[str, ...] = ("*",),
    out: Path | None = None,
    image_size: int | None = None,
    num_proposals: int | None = None,
    horizon: int | None = None,
    augment: tuple[Augmentation, ...] = (),
    num_images: int = 1000,
    num_samples: int = 10_000,
    threads: int = 1,
) -> int:
    """Compare GCGen, DDN's rule, an autoencoder, diffusion and flow matching; it resumes.

    Args:
        data: The name of a data set, or a .npy, a .npz or a folder of images, such as `gcgen
            prepare` writes.
        minutes: Training time of each model, of the processor.
        seeds: Seeds of each model.
        variants: Names or patterns such as "g*"; "list" prints the names.
        out: Folder of the trials; by default runs/compare/<data>-<minutes>.
        image_size: Resize images to this height and width.
        num_proposals: A of the agents; by default what suits the data.
        horizon: H of the agents; by default what suits the data.
        augment: Random changes of the training images, for all models alike.
        num_images: Largest number of images of each split that are encoded.
        num_samples: Number of samples that are judged; at most half as many as training images.
        threads: Number of torch threads.

    Returns:
        The exit code.
    """
    if variants == ("list",):
        print("\n".join(NAMES))
        return 0
    names = choose_names(NAMES, variants)
    check_packages(names)
    if not minutes > 0:
        raise ValueError(f"--minutes must be positive, got {minutes:g}")
    config, source = make_task(data, image_size, num_proposals, horizon)
    set_threads(threads)
    keep_freed_memory()
    judge = SampleJudge(source, num_samples)
    digest = source.split("train").digest()
    measurement = Measurement(
        Path(data).name, digest, minutes, augment, num_images, judge.num, threads
    )
    out = out or Path("runs/compare") / f"{Path(data).stem}-{minutes:g}"
    record_settings(out, asdict(measurement))
    sizes = {"num_proposals": num_proposals, "horizon": horizon}
    in_basis = choose_components(config, source.split("train").shape) > 0
    chosen = [make_chosen(name, config, data, in_basis, sizes, augment) for name in names]
    code = run_trials(chosen, seeds, measurement, source, judge, out)
    write_report(out, measurement, names, seeds)
    return code


def make_chosen(
    name: str,
    config: EnvConfig,
    data: str,
    in_basis: bool,
    sizes: dict[str, int | None],
    augment: tuple[str, ...],
) -> Variant:
    """Return a model with the setting that was chosen for some data, and A and H as given."""
    setting = find_settings(data, in_basis)[name]
    if name in AGENTS:
        setting = {**setting, **{key: size for key, size in sizes.items() if size is not None}}
    return make_variant(name, config, setting, augment)


def run_trials(
    variants: list[Variant],
    seeds: tuple[int, ...],
    measurement: Measurement,
    source: DataSource,
    judge: SampleJudge,
    out: Path,
) -> int:
    """Run and judge the trials that are not done; return the exit code."""
    trials = [(seed, variant) for seed in seeds for variant in variants]
    try:
        judge.score_real(out)
        for i, (seed, variant) in enumerate(trials):
            folder = folder_of(out, variant.name, seed)
            if not is_done(folder, variant.options):
                progress = f"[{i + 1}/{len(trials)}] {variant.name}, seed {seed}"
                print(progress, file=sys.stderr, flush=True)
                run_trial(variant, seed, measurement, source, folder)
            judge.score(folder)
    except KeyboardInterrupt:
        print("stopped; the same command continues with this model", file=sys.stderr)
        return INTERRUPTED
    return 0


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
    known = {config.dataset: config for config in GENERATIVE.values()}
    config = replace(known.get(data, GENERATIVE["GCGen-Images-v0"]), dataset=data)
    config = replace(config, image_size=image_size)
    source = open_data(config)
    shape = source.split("train").shape
    if len(shape) != 3:
        raise ValueError(f"--data must name images, and {data} holds points of shape {shape}")
    sizes = {"num_proposals": num_proposals, "horizon": horizon}
    given: dict[str, Any] = {name: size for name, size in sizes.items() if size is not None}
    return fill_sizes(replace(config, **given), source, None), source


def write_report(
    out: Path, measurement: Measurement, names: list[str], seeds: tuple[int, ...]
) -> None:
    """Print and write the tables and the picture of the judged trials; nothing without any."""
    results = read_results(out, names, seeds)
    if not results:
        return
    real = read_scores(out / REAL)
    write_markdown(out / "table.md", measurement, real, results)
    write_json(out / "results.json", {"real": real, "models": results})
    draw_comparison(out, list(results), seeds[0])
    console = Console(width=None if sys.stdout.isatty() else 200)
    for title, table in make_tables(real, results).items():
        shown = Table(*table.columns, title=f"{measurement.data}: {title}")
        for cells in table.rows:
            shown.add_row(*cells)
        console.print(shown)
    print(f"wrote {out / 'table.md'}, results.json, comparison.png and the sheets of each model")


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"error: {error}")
