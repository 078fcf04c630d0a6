"""Train both agents, draw new digits, encode old ones, save and load."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agents import GCGen
from gcgen_env.datasets import load_dataset
from gcgen_env.viewer import image_grid, reconstruction_grid, save_png


def main(timesteps: int = 500_000, out: Path = Path("runs/examples/generate")) -> GCGen:
    """Go once around everything a model is for.

    Args:
        timesteps: Decisions to train for.
        out: Folder of the files written.

    Returns:
        The model, as it is read back from its file.
    """
    model = GCGen("GCPolicy", "GCGen-Digits-v0", seed=0)
    model.learn(timesteps, progress_bar=True)  # GC-agent and S-agent together
    model.save(out / "model.gcgen")
    model.s_agent.save(out / "s_agent.safetensors")  # gym.make(..., proposer=<this file>)

    model = GCGen.load(out / "model.gcgen")
    save_png(image_grid(model.sample(64, seed=0)), out / "samples.png")  # the S-agent alone

    goals = load_dataset("digits", "test").take(np.arange(16))
    codes = model.encode(goals)  # (16, H): what the GC-agent selects at each step
    save_png(reconstruction_grid(goals, model.decode(codes)), out / "reconstructions.png")
    print(f"the first digit's code is {codes[0].tolist()}")
    print(model.evaluate_nll(goals))  # in nats
    print(f"files in {out}")
    return model


if __name__ == "__main__":
    main()
