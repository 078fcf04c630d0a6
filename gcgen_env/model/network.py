"""The S-agent's network: p_S(a | x, h) and the proposals y[a], goal unseen."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gcgen_env.model.heads import ConvHead, LinearHead

MLP_VALUES = 28 * 28
"""Images of at most this many values get a perceptron, larger ones convolutions."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a `ProposalNetwork`."""

    shape: tuple[int, ...]
    """Shape of one image."""
    num_proposals: int
    """A."""
    horizon: int
    """H."""
    likelihood: str
    """ "bernoulli": the canvas holds logits; "gaussian": pixels."""
    width: int = 128
    """Hidden units of a perceptron; channels of a convolutional trunk are an eighth of it."""
    depth: int = 2
    """Number of residual blocks."""
    uniform_prior: bool = False
    """Fix p_S(a) = 1/A, as Discrete Distribution Networks do."""
    body: str | None = None
    """ "mlp" or "conv"; None picks by the size of the image."""

    def __post_init__(self) -> None:
        """Normalise the shape (JSON gives lists) and check the sizes."""
        object.__setattr__(self, "shape", tuple(self.shape))
        if self.body is None:
            small = math.prod(self.shape) <= MLP_VALUES
            object.__setattr__(self, "body", "mlp" if small else "conv")
        if min(self.num_proposals, self.horizon, self.width) < 1 or self.depth < 0:
            raise ValueError(f"sizes of a ProposalNetwork must be positive, got {self}")
        if self.body not in ("mlp", "conv"):
            raise ValueError(f"body must be 'mlp' or 'conv', got {self.body!r}")
        if self.body == "conv" and len(self.shape) != 3:
            raise ValueError(f"a convolutional body needs images (C, h, w), got {self.shape}")

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**asdict(self), "shape": list(self.shape)}


class ProposalNetwork(nn.Module):
    """A proposer that learns; satisfies the `Proposer` protocol with both optional methods.

    Values of the image that never vary (`active` False) are never proposed to change: the
    network reads and writes the P active values only.
    """

    pixels: Tensor

    def __init__(self, config: NetworkConfig, active: Tensor | None = None) -> None:
        """Build the network.

        Args:
            config: Its sizes.
            active: Values that proposals may change, shape (*S), bool; None means all. A
                convolutional body always changes all.
        """
        super().__init__()
        self.config = config
        values = math.prod(config.shape)
        if active is None or config.body == "conv":
            active = torch.ones(values, dtype=torch.bool)
        self.register_buffer("pixels", active.flatten().nonzero().squeeze(1))  # (P,)
        self._all_active = len(self.pixels) == values
        if config.body == "mlp":
            self.trunk: nn.Module = MLPTrunk(config, len(self.pixels))
            self.head: LinearHead | ConvHead = LinearHead(
                config.width, config.num_proposals, len(self.pixels)
            )
        else:
            self.trunk = ConvTrunk(config)
            self.head = ConvHead(self.trunk.channels, config.num_proposals, config.shape[0])
        self.prior_head = nn.Linear(config.width, config.num_proposals)
        nn.init.zeros_(self.prior_head.weight)
        nn.init.zeros_(self.prior_head.bias)
        self.prior_head.requires_grad_(not config.uniform_prior)

    @property
    def num_proposals(self) -> int:
        """A."""
        return self.config.num_proposals

    @property
    def horizon(self) -> int:
        """H."""
        return self.config.horizon

    def compress(self, images: Tensor) -> Tensor:
        """Pick the active values of images or canvases: (..., *S) to (..., P)."""
        values = images.flatten(-len(self.config.shape))
        return values if self._all_active else values.index_select(-1, self.pixels)

    def expand(self, values: Tensor) -> Tensor:
        """Put active values back into place, zeros elsewhere: (..., P) to (..., *S)."""
        if not self._all_active:
            full = values.new_zeros(*values.shape[:-1], math.prod(self.config.shape))
            values = full.scatter_(-1, self.pixels.expand_as(values), values)
        return values.unflatten(-1, self.config.shape)

    def place(self, values: Tensor, out: Tensor) -> None:
        """Write active values (..., P) over those of images or canvases `out` (..., *S)."""
        flat = out.view(*values.shape[:-1], math.prod(self.config.shape))  # never a copy
        if self._all_active:
            flat.copy_(values)
        else:
            flat.scatter_(-1, self.pixels.expand_as(values), values)

    def encode(self, x: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the heads read.

        Args:
            x: Active values of the canvas, shape (B, P).
            step: h, shape (B,), int64.

        Returns:
            Features of the proposal head, (B, W) or (B, F, h, w); and log p_S, (B, A).
        """
        if self.config.likelihood == "bernoulli":
            x = torch.sigmoid(x)
        z, summary = self.trunk(2 * x - 1, step)
        return z, self.prior_head(summary).log_softmax(-1)

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Offer A changes for each canvas; see `Proposer`."""
        z, log_prior = self.encode(self.compress(canvas), step)
        return self.expand(self.head(z)), log_prior

    def prior(self, canvas: Tensor, step: Tensor) -> Tensor:
        """Return log p_S(a | x, h), shape (B, A)."""
        return self.encode(self.compress(canvas), step)[1]

    def propose_rows(self, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
        """Return the chosen changes, shape (B, *S)."""
        z, _ = self.encode(self.compress(canvas), step)
        return self.expand(self.head.rows(z, action))


class MLPTrunk(nn.Module):
    """Residual perceptron with one learned embedding for each step."""

    def __init__(self, config: NetworkConfig, values: int) -> None:
        """Make the layers; `values` is P, the size of the input."""
        super().__init__()
        width = config.width
        self.embed = nn.Linear(values, width)
        self.step_embedding = nn.Embedding(config.horizon, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
            )
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, P) values to (B, W) features, given twice: for the proposals, the prior."""
        z = self.embed(x) + self.step_embedding(step)
        for block in self.blocks:
            z = z + block(z)
        z = nn.functional.silu(self.norm(z))
        return z, z


class ConvTrunk(nn.Module):
    """A small U-Net: full-resolution features for the proposals, pooled ones for the prior."""

    def __init__(self, config: NetworkConfig) -> None:
        """Make the layers for images of `config.shape`."""
        super().__init__()
        self.shape = config.shape
        self.channels = max(config.width // 8, 8)
        f, width = self.channels, config.width
        self.embed = nn.Conv2d(config.shape[0], f, 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(f * m, f * n, 3, stride=2, padding=1) for m, n in ((1, 2), (2, 4))
        )
        self.step_embedding = nn.Embedding(config.horizon, 4 * f)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(4, 4 * f), nn.SiLU(), nn.Conv2d(4 * f, 4 * f, 3, padding=1))
            for _ in range(config.depth)
        )
        self.up = nn.ModuleList(
            nn.Conv2d(f * m, f * n, 3, padding=1) for m, n in ((4 + 2, 2), (2 + 1, 1))
        )
        self.summary = nn.Linear(4 * f, width)

    def forward(self, x: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C h w) values to maps (B, F, h, w) and a summary (B, W)."""
        silu = nn.functional.silu
        levels = [silu(self.embed(x.unflatten(-1, self.shape)))]
        for layer in self.down:
            levels.append(silu(layer(levels[-1])))
        z = levels.pop() + self.step_embedding(step)[..., None, None]
        for block in self.blocks:
            z = z + block(z)
        summary = silu(self.summary(z.mean((-2, -1))))
        for layer in self.up:
            skip = levels.pop()
            z = nn.functional.interpolate(z, size=skip.shape[-2:])
            z = silu(layer(torch.cat([z, skip], dim=1)))
        return z, summary
