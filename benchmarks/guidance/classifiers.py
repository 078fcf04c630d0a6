"""Trains the classifiers of MNIST that are shipped: to guide, to judge, and to compare images.

python -m benchmarks.guidance.classifiers --out agents/guidance/weights
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.common.augmentation import augment
from agents.guidance.classifier import Classifier, ClassifierConfig, ConvNet
from gcgen_env.datasets import Dataset, load_dataset

GUIDE = ClassifierConfig(channels=(8, 16), features=32)
JUDGE = ClassifierConfig(channels=(16, 32, 48), features=32)
FEATURES = ClassifierConfig(channels=(16, 32, 48), features=64)
BATCH, RATE, EPOCHS = 128, 3e-3, 12


def soften(images: Tensor, mean: Tensor, generator: torch.Generator) -> Tensor:
    """Make images look unfinished: blurred, and mixed with the mean image.

    Args:
        images: Shape (B, 1, 28, 28).
        mean: The mean image, shape (1, 28, 28).
        generator: Draws how much: half of the images are left as they are.
    """
    share = torch.rand(len(images), 1, 1, 1, generator=generator) * 1.4 - 0.7
    share = share.clamp(min=0)  # of the mean
    mixed = images + share * (mean - images)
    blurred = F.avg_pool2d(mixed, 3, stride=1, padding=1, count_include_pad=False)
    is_blurred = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.3
    return torch.where(is_blurred, blurred, mixed)


def train(config: ClassifierConfig, data: Dataset, seed: int, softened: bool) -> Classifier:
    """Train a classifier on all items of a data set."""
    torch.manual_seed(seed)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    assert data.labels is not None
    net, mean = ConvNet(config), torch.from_numpy(data.mean())
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-2)
    updates = len(data) // BATCH  # in one epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, EPOCHS * updates)
    for _ in range(EPOCHS):
        order = rng.permutation(len(data))[: updates * BATCH]
        for index in order.reshape(updates, BATCH):
            images = torch.from_numpy(augment(data.take(index), ["shift"], rng))
            if softened:
                images = soften(images, mean, generator)
            loss = F.cross_entropy(net(images), torch.from_numpy(data.labels[index]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return Classifier(config, net.requires_grad_(False).eval())


def measure_accuracy(classifier: Classifier, data: Dataset) -> float:
    """Return the share of a data set's items that are classified as labelled."""
    found = classifier.log_prob(data.take(np.arange(len(data)))).argmax(-1)
    return float((found == data.labels).mean())


def main(argv: Sequence[str] | None = None) -> None:
    """Train two on one half of the training images each, the third on all, and write them."""
    parser = argparse.ArgumentParser("benchmarks.guidance.classifiers", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("agents/guidance/weights"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    data, test = load_dataset("mnist", "train"), load_dataset("mnist", "test")
    halves = np.random.default_rng(options.seed).permutation(len(data)).reshape(2, -1)
    names = ("mnist_guide", "mnist_judge", "mnist_features")
    trials = zip(names, (GUIDE, JUDGE, FEATURES), (*halves, halves.ravel()), strict=True)
    for number, (name, config, chosen) in enumerate(trials):
        items = data.select(np.sort(chosen))
        classifier = train(config, items, options.seed + number, softened=name == "mnist_guide")
        accuracy = measure_accuracy(classifier, test)
        path = options.out / f"{name}.safetensors"
        classifier.save(
            path,
            dataset="mnist",
            images=items.digest(),
            command="python -m benchmarks.guidance.classifiers",
            seed=options.seed,
            accuracy=accuracy,
        )
        size = path.stat().st_size / 1e3
        print(f"{name}: {accuracy:.4f} of the test images, {size:.0f} kB", file=sys.stdout)


if __name__ == "__main__":
    main()
