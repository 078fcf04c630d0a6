"""A small classifier of images, and three of MNIST's digits that are shipped."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from gcgen_env.storage import describe_error, load_container, save_container

KIND = "classifier"
"""Kind of container that `Classifier.save` writes."""
_WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class ClassifierConfig:
    """Sizes of a classifier."""

    shape: tuple[int, int, int] = (1, 28, 28)
    """Shape of one image: channels, height, width."""
    num_classes: int = 10
    """Number of classes."""
    channels: tuple[int, ...] = (8, 16)
    """Channels of the convolutions, each of which halves height and width."""
    features: int = 32
    """Size of the layer before the logits."""


class ConvNet(nn.Module):
    """Convolutions of stride 2, one hidden layer, and logits."""

    def __init__(self, config: ClassifierConfig) -> None:
        """Make a network with random weights."""
        super().__init__()
        sizes = (config.shape[0], *config.channels)  # channels before and after each layer
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1)
            for a, b in zip(sizes, config.channels, strict=False)
        )
        height, width = config.shape[1:]
        for _ in config.channels:  # stride 2 with padding rounds up
            height, width = -(-height // 2), -(-width // 2)
        self.hidden = nn.Linear(sizes[-1] * height * width, config.features)
        self.logits = nn.Linear(config.features, config.num_classes)

    def embed(self, images: Tensor) -> Tensor:
        """Return the features of images (B, C, height, width), shape (B, features)."""
        x = images - 0.5  # (B, C, height, width), about centred
        for layer in self.convolutions:
            x = F.relu(layer(x))
        return F.relu(self.hidden(x.flatten(1)))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images, shape (B, num_classes)."""
        return self.logits(self.embed(images))


@dataclass(frozen=True, eq=False)
class Classifier:
    """log p(class | image), from a file whose hash names it."""

    config: ClassifierConfig
    """Its sizes."""
    net: ConvNet
    """Its weights."""
    digest: str = ""
    """SHA-256 of the file, 64 hex digits; empty before it is saved."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """JSON values that say how it was trained."""

    def __repr__(self) -> str:
        """Show the hash, not the weights."""
        return f"Classifier({self.config.num_classes} classes, sha256={self.digest[:12]})"

    @classmethod
    def load(cls, path: str | Path) -> Classifier:
        """Read a file written by `save`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged or holds something else.
        """
        document, tensors = load_container(path, KIND)
        try:
            sizes: dict[str, Any] = document["net"]
            sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in sizes.items()}
            config = ClassifierConfig(**sizes)
            net = ConvNet(config).requires_grad_(False).eval()
            # Files hold float16; the weights are computed with in float32.
            net.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path} is damaged: {describe_error(error)}") from error
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        return cls(config, net, digest, document["metadata"])

    def save(self, path: str | Path, **metadata: Any) -> Path | None:
        """Write one file, atomically, with the weights as float16; return its path."""
        document = {"net": asdict(self.config), "metadata": {**self.metadata, **metadata}}
        tensors = {name: tensor.half() for name, tensor in self.net.state_dict().items()}
        return save_container(path, KIND, document, tensors)

    @torch.no_grad()
    def log_prob(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log p(class | image) of images (B, *S), shape (B, num_classes), in nats."""
        return self.net(torch.from_numpy(images)).log_softmax(-1).numpy()

    @torch.no_grad()
    def embed(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of images (B, *S), shape (B, features)."""
        return self.net.embed(torch.from_numpy(images)).numpy()


@lru_cache
def load_shipped(name: str) -> Classifier:
    """Load "mnist_guide", "mnist_judge", which judges what the first has guided, or another.

    The two differ in size, and no image was used in the training of both. "mnist_features", with
    64 features, was trained on all training images: FID and its like compare its features.
    """
    return Classifier.load(_WEIGHTS / f"{name}.safetensors")
