"""Guide a model by any function that scores images: your own network, classes, hidden pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from agents import SAgent
from agents.guidance import Nearest, VisiblePixels, WeightedSum, sample_guided
from gcgen_env.datasets import load_dataset
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.viewer import image_grid, save_png

Images = NDArray[np.float32]


class Likeness:
    """A score like CLIP's: how near the embeddings of images are to that of what you ask for.

    `embed` is your own model. With CLIP it would resize the images, repeat the grey channel, call
    `encode_image`, and `wish` would be the result of `encode_text`.
    """

    def __init__(self, embed: torch.nn.Module, wish: torch.Tensor, temperature: float) -> None:
        """Take a network (B, *S) -> (B, F), an embedding (F,), and a scale."""
        self.embed, self.wish, self.temperature = embed, wish, temperature

    @torch.no_grad()
    def __call__(self, images: Images) -> torch.Tensor:
        """Score images (B, *S), shape (B,)."""
        found = self.embed(torch.from_numpy(images))
        return torch.cosine_similarity(found, self.wish.unsqueeze(0)) / self.temperature


def main(out: Path = Path("runs/guided.png"), num: int = 8, seed: int = 0) -> Images:
    """Draw one row of digits for each of three wishes, with the shipped S-agent of Digits."""
    chain = SAgent.load(pretrained_path("digits")).chain
    digit = load_dataset("digits", "test").take([0])[0]  # (1, 8, 8)
    lower_half = np.indices((8, 8))[0] >= 4  # True where hidden

    torch.manual_seed(0)
    embed = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 16))  # yours is trained
    wish = embed(torch.from_numpy(digit[None]))[0].detach()
    visible = VisiblePixels(digit, lower_half, chain.likelihood)
    mixed = WeightedSum([(1.0, visible), (0.05, Nearest(1 - digit, chain.likelihood))])

    guides = (Likeness(embed, wish, 0.02), visible, mixed)
    samples = [sample_guided(chain, num, each, num_particles=8, seed=seed) for each in guides]
    print(*samples, sep="\n")
    rows = np.stack([sample.images for sample in samples])  # (3, num, 1, 8, 8)
    save_png(image_grid(rows.reshape(-1, 1, 8, 8), columns=num), out)
    return rows


if __name__ == "__main__":
    tyro.cli(main)
