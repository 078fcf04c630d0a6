"""Try the settings of `settings.py` on MNIST, and choose the best one of each model."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from agents.benchmark.results import markdown
from agents.common.provenance import describe_machine, find_commit, set_threads
from agents.evaluation.distances import frechet_distance
from agents.evaluation.embedding import find_embedding
from benchmarks.compare.contenders import NAMES, Variant, check_packages, make_variant
from benchmarks.compare.quality import Images
from benchmarks.compare.settings import TRIED
from benchmarks.trials import RESULT, choose_names, folder_of, is_done, record_settings
from gcgen_env import keep_freed_memory
from gcgen_env.atomic_files import write_json
from gcgen_env.model.build import open_data
from gcgen_env.tasks import ENV_CONFIGS

DATA = "mnist"
COLUMNS = ("model", "setting", "images seen", "FID", "chosen")


def main(
    minutes: float = 1.0,
    variants: tuple[str, ...] = ("*",),
    num_samples: int = 1000,
    seed: int = 0,
    out: Path = Path("runs/compare/settings"),
) -> None:
    """Train every setting for a short time, and compare samples with validation images.

    Interrupted runs resume.

    Args:
        minutes: Training time of each setting, of the processor.
        variants: Names or patterns of models.
        num_samples: Number of samples, and of validation images.
        seed: Seed of each training.
        out: Folder of the trials.
    """
    names = choose_names(NAMES, variants)
    check_packages(names)
    set_threads(1)
    keep_freed_memory()
    config = ENV_CONFIGS["GCGen-MNIST-v0"]
    validation = open_data(config).split("validation")
    images = validation.take(np.arange(num_samples))
    record_settings(out, {"minutes": minutes, "num_samples": num_samples, "seed": seed})
    for name in names:
        for number, setting in enumerate(TRIED[name]):
            folder = folder_of(out, f"{name}-{number}", seed)
            variant = make_variant(name, config, setting)
            if not is_done(folder, variant.options):
                print(f"{name}, setting {number}", file=sys.stderr, flush=True)
                result = try_setting(variant, minutes, seed, images)
                write_json(folder / RESULT, result)
    rows = [row for name in NAMES for row in compare_settings(name, out, seed)]
    text = "\n".join(markdown(COLUMNS, rows))
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def try_setting(variant: Variant, minutes: float, seed: int, images: Images) -> dict[str, Any]:
    """Train a model with a setting; return how near its samples are to validation images."""
    model = variant.make(seed)
    start = time.process_time()
    model.learn(minutes, lambda: None)
    seconds = time.process_time() - start
    embed = find_embedding(DATA, images).embed
    return {
        "options": variant.options,
        "images_seen": model.images_seen,
        "seconds": seconds,
        "fid": frechet_distance(embed(images), embed(model.sample(len(images), seed))),
        "machine": describe_machine(),
        "commit": find_commit(),
    }


def compare_settings(name: str, out: Path, seed: int) -> list[tuple[str, ...]]:
    """Return the rows of a model in the table; the smallest distance is chosen."""
    paths = [folder_of(out, f"{name}-{i}", seed) / RESULT for i in range(len(TRIED[name]))]
    found = [json.loads(path.read_text()) for path in paths if path.is_file()]
    best = min((row["fid"] for row in found), default=None)
    return [
        (
            name,
            json.dumps(setting),
            f"{row['images_seen']:,}",
            f"{row['fid']:.1f}",
            "yes" if row["fid"] == best else "",
        )
        for setting, row in zip(TRIED[name], found, strict=False)
    ]


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"error: {error}")
