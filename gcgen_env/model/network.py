"""The S-agent's network: p_S(a | x, h) and the proposals y[a], without any goal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from gcgen_env.model.convolutional import ConvHead, ConvTrunk
from gcgen_env.model.grouped_linear import ChosenRows, WeightGradient
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.proposer import LazyProposer, Proposals


class ProposalNetwork(nn.Module, LazyProposer):
    """A trainable proposer; it reads and changes only the P `active` values of an image."""

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
        self.shape = config.shape
        values = math.prod(config.shape)
        if active is None or config.body == "conv":
            active = torch.ones(
                values, dtype=torch.bool, device="cpu"
            )  # (D,), also for meta weights
        self.register_buffer("pixels", active.flatten().nonzero().squeeze(1))  # (P,)
        self._all_active = len(self.pixels) == values
        if config.body == "mlp":
            self.trunk: nn.Module = MLPTrunk(config, len(self.pixels))
            self.head: LinearHead | ConvHead = LinearHead(
                config.width, config.num_proposals, len(self.pixels)
            )
        else:
            self.trunk = ConvTrunk(config.shape, config.horizon, config.width, config.depth)
            self.head = ConvHead(self.trunk.channels, config.num_proposals, config.shape[0])
        self.prior_head = nn.Linear(config.width, config.num_proposals)  # (B, W) to (B, A)
        nn.init.zeros_(self.prior_head.weight)  # a fresh prior is uniform
        nn.init.zeros_(self.prior_head.bias)
        self.set_trainable(True)

    @property
    def num_proposals(self) -> int:
        """A."""
        return self.config.num_proposals

    @property
    def horizon(self) -> int:
        """H."""
        return self.config.horizon

    def set_trainable(self, trainable: bool) -> None:
        """Enable or disable the gradient of every weight; a uniform prior is never trained."""
        self.requires_grad_(trainable)
        self.prior_head.requires_grad_(trainable and not self.config.uniform_prior)

    def compress(self, images: Tensor) -> Tensor:
        """Select the active values of images or canvases: (..., *S) to (..., P)."""
        values = images.flatten(-len(self.shape))
        return values if self._all_active else values.index_select(-1, self.pixels)

    def expand(self, values: Tensor) -> Tensor:
        """Put active values back into images, zeros elsewhere: (..., P) to (..., *S)."""
        if not self._all_active:
            full = values.new_zeros(*values.shape[:-1], math.prod(self.shape))  # (..., D)
            values = full.scatter_(-1, self.pixels.expand_as(values), values)  # (..., D)
        return values.unflatten(-1, self.shape)

    def place(self, values: Tensor, out: Tensor) -> None:
        """Write active values (..., P) into contiguous images or canvases `out` (..., *S)."""
        flat = out.view(*values.shape[:-1], math.prod(self.shape))  # never a copy
        if self._all_active:
            flat.copy_(values)
        else:
            flat.scatter_(-1, self.pixels.expand_as(values), values)

    def encode(self, x: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the input of the proposal head, and the prior.

        Args:
            x: Active values of the canvas, shape (B, P).
            step: h, shape (B,), int64.

        Returns:
            Features, (B, W) or (B, F, h, w); and log p_S, (B, A).
        """
        if self.config.likelihood == "bernoulli":
            x = torch.sigmoid(x)  # logits to pixels
        z, summary = self.trunk(2 * x - 1, step)  # maps [0, 1] to [-1, 1]; summary: (B, W)
        return z, self.prior_head(summary).log_softmax(-1)

    def lazy(
        self, canvas: Tensor, step: Tensor, same_state: bool = False, need_all: bool = True
    ) -> Proposals:
        """Encode the states now, and compute the changes on demand; see `LazyProposer`."""
        x = self.compress(canvas)  # (B, P)
        if same_state:
            z, log_prior = self.encode(x[:1], step[:1])  # one state for all B
            z, log_prior = (v.expand(len(canvas), *v.shape[1:]) for v in (z, log_prior))  # views
        else:
            z, log_prior = self.encode(x, step)
        return Proposals(
            x,
            log_prior,
            lambda action: self.expand(self.head.chosen(z, action)),  # (B,) to (B, *S)
            lambda dtype: self.head(z.detach(), dtype).detach(),  # (B, A, P)
        )

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Propose A changes for each canvas; see `Proposer`."""
        z, log_prior = self.encode(self.compress(canvas), step)
        return self.expand(self.head(z)), log_prior  # (B, A, *S), (B, A)

    def cast_once(self, dtype: torch.dtype) -> AbstractContextManager[None]:
        """Cast the head's weights to `dtype` once inside the context."""
        return self.head.cast_once(dtype)


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
        """Map (B, P) values to the features (B, W) of the proposals and of the prior."""
        z = self.embed(x) + self.step_embedding(step)  # (B, W)
        for block in self.blocks:
            z = z + block(z)  # pre-norm residual block (Xiong et al., 2020)
        z = nn.functional.silu(self.norm(z))
        return z, z  # the prior reads the same features


class LinearHead(nn.Module):
    """A linear maps from features z to P values: y[a] = z W[a] + b[a].

    `forward` computes all A proposals in one batched product. `chosen` computes only the chosen
    ones, and neither the values nor the gradients of the other A - 1; see `ChosenRows`.
    """

    def __init__(self, features: int, num_proposals: int, values: int) -> None:
        """Make small weights, so that a fresh network hardly changes the canvas.

        Args:
            features: W, the size of z.
            num_proposals: A.
            values: P, the number of values of one proposal.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_proposals, features, values) * 0.02)  # (A, W, P)
        self.bias = nn.Parameter(torch.randn(num_proposals, values) * 0.02)  # (A, P)
        self._deferred = WeightGradient()
        self._cast: tuple[Tensor, Tensor] | None = None  # weight and bias inside `cast_once`

    def forward(self, z: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return all proposals, shape (B, A, P), float32, computed in `dtype`."""
        if self._cast is not None and self._cast[0].dtype == dtype:
            weight, bias = self._cast
        else:
            weight, bias = self.weight.to(dtype), self.bias.to(dtype)
        batches = z.to(dtype).expand(len(bias), *z.shape)  # (A, B, W)
        y = torch.baddbmm(bias.unsqueeze(1), batches, weight)  # (A, B, P)
        return y.to(self.weight.dtype).transpose(0, 1)

    def chosen(self, z: Tensor, action: Tensor) -> Tensor:
        """Return the chosen proposals, shape (B, P), float32."""
        return ChosenRows.apply(z, self.weight, self.bias, action, self._deferred)

    @contextmanager
    def cast_once(self, dtype: torch.dtype) -> Iterator[None]:
        """Cast the weights once for all `forward` calls inside; they must not change there."""
        if dtype == self.weight.dtype:
            yield
            return
        self._cast = self.weight.detach().to(dtype), self.bias.detach().to(dtype)
        try:
            yield
        finally:
            self._cast = None  # stale as soon as the weights change

    def deferred_gradient(self) -> AbstractContextManager[None]:
        """Compute the weight gradients of all `chosen` calls in one pass at exit.

        A chain of H steps calls `chosen` H times, and each call alone would add a dense, mostly
        zero gradient to the weights. Use it around `loss.backward()`.
        """
        return self._deferred.collect(self.weight, self.bias)
