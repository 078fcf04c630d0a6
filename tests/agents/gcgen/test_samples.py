"""Whether samples look like digits: how often a classifier is sure of them, and of real images."""

import numpy as np
import pytest
import torch
from torch import nn

from gcgen_env.datasets import find_dataset, load_dataset
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent

NUM = 10_000
SURE = 0.9
EPOCHS = 8


def take(name, indices):
    """Return images (n, 784) and labels (n,) of a split."""
    split = load_dataset("mnist", name)
    images = torch.from_numpy(split.take(indices)).flatten(1)
    return images, torch.from_numpy(split.labels[indices].astype(np.int64))


def fit_classifier():
    """Train a perceptron on the training images; one cycle of the learning rate."""
    torch.manual_seed(0)
    images, labels = take("train", np.arange(55_000))
    model = nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters())
    steps = EPOCHS * (len(images) // 100 + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(100):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


@pytest.mark.slow
@torch.no_grad()
def test_a_classifier_is_sure_of_most_samples():
    if find_dataset("mnist") is None:
        pytest.skip("MNIST's files are not here; name their folder in $GCGEN_DATA")
    with torch.enable_grad():
        classifier = fit_classifier()
    images, labels = take("test", np.arange(NUM))
    drawn = torch.from_numpy(SAgent.load(pretrained_path("mnist")).sample(NUM, seed=0)).flatten(1)
    real, ours = (classifier(x).softmax(-1).max(-1) for x in (images, drawn))
    accuracy = (real.indices == labels).double().mean().item()
    shares = [(each.values >= SURE).double().mean().item() for each in (real, ours)]
    counts = torch.bincount(ours.indices, minlength=10) / NUM
    print(
        f"accuracy {accuracy:.4f}; sure of {shares[0]:.3f} real, {shares[1]:.3f} samples; {counts}"
    )
    assert accuracy >= 0.98
    assert shares[1] >= 0.8 * shares[0]
    assert counts.min() >= 0.04  # every digit is drawn
