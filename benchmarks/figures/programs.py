"""The pictures that a few lines of Python draw."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agents import GCGen
from agents.benchmark.figures import draw_curves
from agents.benchmark.results import Table
from agents.benchmark.run_files import Outcome
from agents.benchmark.study import Run
from agents.benchmark.tasks import SUITE_IDS, find_task
from benchmarks.compare.__main__ import main as compare
from benchmarks.guidance.figure import draw as draw_guidance
from benchmarks.scaling.figure import draw as draw_speedups
from benchmarks.suite.pictures import draw_task, name_page
from benchmarks.suite.plays import play_references
from docs.sphinx_extensions import environments
from gcgen_env.atomic_files import write_bytes
from gcgen_env.datasets import find_nearest
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent
from gcgen_env.viewer import image_grid, save_png, trajectory_grid

DATA = Path(__file__).parents[2] / "docs" / "data"
"""The tables of the pages."""
MINUTES = 10.0
"""Training time of each model of the comparison, of the processor."""
EMOJI = Path("emoji") / "emoji32.npz"
"""The file of emoji below `$GCGEN_DATA`: `images`, shape (N, 32, 32, 3), bytes."""
EMOJI_HORIZON = 96
"""H of the training on emoji."""
EMOJI_TIMESTEPS = 160_768 * EMOJI_HORIZON
"""Decisions of the training on emoji: twenty minutes."""
NUCLEUS = 0.5
"""Prior mass of the proposals that samples of emoji are drawn from."""
COLORS = 192
"""Number of colours of the sheet of emoji, which then takes a third of the bytes."""


def draw_trajectories(out: Path) -> None:
    """Draw eight trajectories of the shipped S-agent of MNIST."""
    s_agent = SAgent.load(pretrained_path("mnist"))
    save_png(trajectory_grid(s_agent.sample(8, seed=0, return_trajectory=True)), out)


def draw_episode(out: Path) -> None:
    """Draw an episode of Digits, as the page of the environment shows it."""
    out.unlink(missing_ok=True)  # a picture that exists would be kept
    environments.draw_episode("GCGen-Digits-v0", out)


def draw_scaling(out: Path) -> None:
    """Draw the predicted speed-ups of several processes from their table."""
    rows = [
        {name: text if name == "link" else float(text) for name, text in row.items()}
        for row in _read_table("scaling_predicted.csv")
    ]
    draw_speedups(rows, out)


def draw_benchmark(track: str, out: Path) -> None:
    """Draw the learning curves of a track of the benchmark from their table."""
    curves: dict[Run, list[dict[str, Any]]] = {}
    for row in _read_table("benchmark.csv"):
        run = Run(row["env"], row["contestant"], int(row["seed"]), 0, row["track"])
        shares = [float(row["success"])] * len(find_task(run.env).thresholds)  # one is shown
        point = {"steps": int(row["steps"]), "score": float(row["score"]), "success": shares}
        curves.setdefault(run, []).append(point)
    outcomes = [Outcome(run, {"curve": curve}, {}, {}, DATA) for run, curve in curves.items()]
    out.parent.mkdir(parents=True, exist_ok=True)
    draw_curves(out, Table(track, outcomes))


def draw_classes(out: Path) -> None:
    """Draw hits and coverage of guided digits and of simpler rules from their table."""
    rows = [
        {name: text if name == "rule" else float(text or 0) for name, text in row.items()}
        for row in _read_table("guidance_classes.csv")
    ]
    draw_guidance(rows, out)


def draw_suite(name: str, out: Path) -> None:
    """Draw the picture of a task of the suite, whose name is that of its page."""
    (env,) = (env for env in SUITE_IDS if name_page(env) == name)
    draw_task(env, play_references(env), out)


def draw_emoji(out: Path) -> None:
    """Train on emoji, and draw test images above reconstructions, samples above training images.

    Raises:
        FileNotFoundError: If there are no emoji below `$GCGEN_DATA`.
    """
    path = Path(os.environ.get("GCGEN_DATA", "")) / EMOJI
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: the emoji are not part of this repository")
    images = np.load(path)["images"]
    splits = out.parent / "emoji.npz"
    np.savez(splits, train=images[:-600], validation=images[-600:-300], test=images[-300:])
    env = {"dataset": str(splits), "num_proposals": 512, "horizon": EMOJI_HORIZON}
    model = GCGen(
        "GCPolicy", "GCGen-Images-v0", env_kwargs=env, augment=("flip",), seed=0, device="cpu"
    ).learn(EMOJI_TIMESTEPS, progress_bar=True)
    splits.unlink()
    write_sheet(model, out)


def draw_models(out: Path) -> None:
    """Train the models of the comparison on MNIST, and draw samples of all of them."""
    with TemporaryDirectory() as folder:
        compare(minutes=MINUTES, out=Path(folder))
        write_bytes(out, (Path(folder) / "comparison.png").read_bytes())


def write_sheet(model: GCGen, out: Path) -> None:
    """Write two rows of test images with reconstructions, and three of samples with neighbours."""
    test, train = model.load_split("test").take(range(24)), model.load_split("train")
    chain = replace(model.s_agent.chain, nucleus=NUCLEUS)
    samples = replace(model.s_agent, chain=chain).sample(36, seed=0)
    nearest = train.take(find_nearest(samples, train)[0])
    pairs = [(test, model.reconstruct(test)), (samples, nearest)]
    blocks = [image_grid(_alternate(*pair), columns=12, scale=2) for pair in pairs]
    picture = Image.fromarray(np.concatenate(blocks)).quantize(COLORS, dither=Image.Dither.NONE)
    buffer = BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    write_bytes(out, buffer.getvalue())


def _read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of a table in docs/data."""
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _alternate(above: NDArray[np.float32], below: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return images (N, *S) in rows of twelve, each row followed by the other images' row."""
    pairs = np.stack([each.reshape(-1, 12, *each.shape[1:]) for each in (above, below)], 1)
    return pairs.reshape(-1, *above.shape[1:])
