"""The pictures that a command of `gcgen` draws, and the files that these commands read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import copyfile

import numpy as np
from PIL import Image

from agents import GCGen
from agents.guidance.scorers.strokes import find_edges
from gcgen_env.datasets import load_dataset
from gcgen_env.model.pretrained import pretrained_path

COMMANDS = {
    "mnist_samples": "sample --model mnist.safetensors --num 64",
    "digits_samples": "sample --model digits.safetensors --num 64",
    "toy2d_samples": "sample --model two_moons.safetensors --num 512",
    "guide_class": "guide --model mnist.safetensors --num 7 --class 7",
    "guide_inpaint": "guide --model mnist.safetensors --num 7 --inpaint digit.png --mask mask.png",
    "guide_superresolve": "guide --model mnist.safetensors --num 7 --superresolve small.png",
    "guide_variations": "guide --model mnist.safetensors --num 7 --variations digit.png",
    "guide_strokes": "guide --model mnist.safetensors --num 7 --strokes edges.png",
    "codes_resample": "edit resample --model model.gcgen --index 3 --num 10",
    "codes_change": "edit change --model model.gcgen --index 3 --num 10",
    "codes_walk": "edit interpolate --model model.gcgen --index 3 --to 7 --num 10",
    "codes_begin": "edit begin --model model.gcgen --index 3 --num 10",
    "mnist_reconstructions": "reconstruct --model model.gcgen --num 16",
    "inspect_atlas": "inspect atlas --model mnist.safetensors --branches 8 2",
    "inspect_steps": "inspect steps --model model.gcgen --num 1000",
    "inspect_usage": "inspect usage --model model.gcgen --num 1000",
}
"""The command that draws each picture, without `--out`."""
DIGIT, SMALL, DRAWN = 0, 4, 3
"""Test images that are given: a seven as it is, a four that is shrunk, the edges of a zero."""


def prepare_inputs(folder: Path) -> None:
    """Write the files that the commands read: models, a digit, its mask, a small one, its edges."""
    for name in ("mnist", "digits", "two_moons"):
        copyfile(pretrained_path(name), folder / f"{name}.safetensors")
    model = GCGen(
        "GCPolicy", "GCGen-MNIST-v0", s_agent="pretrained", train_s_agent=False,
        policy_kwargs={"learned": False}, seed=0, device="cpu",
    )  # fmt: skip
    model.save(folder / "model.gcgen")
    digit, small, drawn = load_dataset("mnist", "test").take([DIGIT, SMALL, DRAWN])[:, 0]
    pictures = {
        "digit": digit,  # (28, 28)
        "mask": np.indices(digit.shape)[0] >= len(digit) // 2,  # the lower half
        "small": small.reshape(7, 4, 7, 4).mean((1, 3)),
        "edges": find_edges(drawn[None, None])[0],
    }
    for name, pixels in pictures.items():
        Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(folder / f"{name}.png")


def draw(name: str, folder: Path, out: Path) -> None:
    """Run the command of one picture.

    Args:
        name: Name of the picture.
        folder: Where the inputs lie.
        out: The file to write, which may exist.

    Raises:
        CalledProcessError: If the command fails.
    """
    words = [*COMMANDS[name].split(), "--out", str(out.resolve()), "--overwrite"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # sums depend on the number of threads
    command = [sys.executable, "-m", "agents.cli.main", *words]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
