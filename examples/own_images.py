"""Learn from your own images: a .npy or .npz file, or a folder of PNG and JPEG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray

from agents import GCGen
from gcgen_env.viewer import image_grid, save_png


def main(
    images: Path | None = None,
    image_size: int = 12,
    timesteps: int = 200_000,
    out: Path = Path("runs/examples/own_images.png"),
) -> GCGen:
    """Train on images and draw new ones.

    Args:
        images: A file or folder; by default coloured discs, drawn by this program.
        image_size: Height and width to which images are resized.
        timesteps: Number of decisions to train for.
        out: File of the samples.

    Returns:
        The model.
    """
    if images is None:
        images = out.parent / "discs.npy"
        images.parent.mkdir(parents=True, exist_ok=True)
        np.save(images, draw_discs(500))
    sizes = {"num_proposals": 16, "horizon": 6}
    env_kwargs = {"dataset": str(images), "image_size": image_size, **sizes}
    model = GCGen("GCPolicy", "GCGen-Images-v0", env_kwargs=env_kwargs, seed=0)
    model.learn(timesteps, progress_bar=True)
    save_png(image_grid(model.sample(64, seed=0)), out)
    print(f"64 new images of shape {model.chain.shape} in {out}")
    return model


def draw_discs(num: int, side: int = 24) -> NDArray[np.uint8]:
    """Draw discs of random position, size and colour, shape (num, side, side, 3)."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    y, x, diameter = side * rng.uniform(0.3, 0.7, (3, num, 1, 1))
    inside = np.hypot(rows - y, columns - x) < diameter / 2  # (num, side, side)
    color = rng.integers(64, 256, (num, 1, 1, 3))
    return np.where(inside[..., None], color, 0).astype(np.uint8)


if __name__ == "__main__":
    tyro.cli(main)
