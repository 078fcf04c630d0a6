"""Train a generative model of digits in three minutes, draw new digits and encode others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tyro

from agents import BoundProgressBar, GCGen
from gcgen_env.datasets import load_dataset
from gcgen_env.viewer import image_grid, reconstruction_grid, save_png, trajectory_grid

UNLIMITED = 10**12
"""Timesteps of a run that is limited by time."""


def main(minutes: float = 2.5, out: Path = Path("runs/demo"), seed: int = 0) -> GCGen:
    """Train on scikit-learn's handwritten digits; Ctrl-C ends the training early.

    Args:
        minutes: Training time.
        out: Folder of the model, the pictures and the TensorBoard logs.
        seed: Seed of the model.

    Returns:
        The model, as loaded from its file.
    """
    test = load_dataset("digits", "test")
    goals = test.take(np.arange(len(test)))
    model = GCGen("GCPolicy", "GCGen-Digits-v0", seed=seed, tensorboard_log=str(out / "tb"))

    print(f"test bound before: {model.evaluate_nll(goals, seed=0)}")  # on -log p, in nats
    print(f"training for {minutes:g} minutes; Ctrl-C ends the training early")
    try:
        model.learn(UNLIMITED, BoundProgressBar(), max_minutes=minutes)
    except KeyboardInterrupt:
        print("\ntraining ended early")
    print(f"test bound after:  {model.evaluate_nll(goals, seed=0)}")

    model.save(out / "model.gcgen")
    model.s_agent.save(out / "s_agent.safetensors")  # gym.make(..., proposer=<this file>)
    model = GCGen.load(out / "model.gcgen")
    trajectories = model.sample(8, seed=0, return_trajectory=True)  # the S-agent alone
    save_png(image_grid(model.sample(64, seed=0)), out / "samples.png")
    save_png(trajectory_grid(trajectories), out / "trajectory.png")
    codes = model.encode(goals[:16])  # (16, H): the GC-agent's selection at each step
    save_png(reconstruction_grid(goals[:16], model.decode(codes)), out / "reconstructions.png")
    print(f"code of the first test digit: {codes[0].tolist()}")
    print(f"files in {out}: {', '.join(sorted(path.name for path in out.iterdir()))}")
    return model


if __name__ == "__main__":
    tyro.cli(main)
