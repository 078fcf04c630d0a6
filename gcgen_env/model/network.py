"""The S-agent's network: p_S(a | x, h) and the proposals y[a], without any goal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from gcgen_env.model.convolutional import ConvHead, ConvTrunk
from gcgen_env.model.grouped_linear import ChosenRows
from gcgen_env.model.inner_products import ProductTables
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
                config.features or config.width, config.num_proposals, len(self.pixels)
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

    def start_with(self, changes: Tensor) -> None:
        """Let a fresh perceptron propose these changes (A, *S); convolutions stay as they are."""
        if isinstance(self.head, LinearHead):
            with torch.no_grad():
                self.head.bias.copy_(self.compress(changes))

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
            Features, (B, K) or (B, F, h, w); and log p_S, (B, A).
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
        head = self.head if isinstance(self.head, LinearHead) else None
        return Proposals(
            x,
            log_prior,
            lambda action: self.expand(self.head.chosen(z, action)),  # (B,) to (B, *S)
            lambda dtype, part=None: self.head(z.detach(), dtype, part).detach(),  # (B, A, P)
            None if head is None else lambda r, w: head.products(z, r, w),
        )

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Propose A changes for each canvas; see `Proposer`."""
        z, log_prior = self.encode(self.compress(canvas), step)
        return self.expand(self.head(z)), log_prior  # (B, A, *S), (B, A)

    def cast_once(
        self, dtype: torch.dtype, part: Tensor | None = None
    ) -> AbstractContextManager[None]:
        """Select and cast the head's weights once inside the context."""
        return self.head.cast_once(dtype, part)


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
        self.project: nn.Module = nn.Identity()
        if config.features is not None:
            self.project = nn.Linear(width, config.features, bias=False)  # W to K

    def forward(self, x: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, P) values to the features of the proposals (B, K) and of the prior (B, W)."""
        z = self.embed(x) + self.step_embedding(step)  # (B, W)
        for block in self.blocks:
            z = z + block(z)  # pre-norm residual block (Xiong et al., 2020)
        summary = nn.functional.silu(self.norm(z))  # (B, W)
        return self.project(summary), summary


class LinearHead(nn.Module):
    """A linear maps from features z to P values: y[a] = z W[a] + b[a].

    `forward` computes all A proposals in one batched product. `chosen` computes only the chosen
    ones, and neither the values nor the gradients of the other A - 1; see `ChosenRows`.
    """

    feature_axis = 1
    """Axis of the weight that z is summed over."""

    def __init__(self, features: int, num_proposals: int, values: int) -> None:
        """Make small weights, so that a fresh network hardly changes the canvas.

        Args:
            features: K, the size of z.
            num_proposals: A.
            values: P, the number of values of one proposal.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_proposals, features, values) * 0.02)  # (A, K, P)
        self.bias = nn.Parameter(torch.randn(num_proposals, values) * 0.02)  # (A, P)
        self._ready: tuple[torch.dtype, Tensor | None, Tensor, Tensor] | None = None
        self._products: ProductTables | None = None

    def forward(
        self, z: Tensor, dtype: torch.dtype = torch.float32, part: Tensor | None = None
    ) -> Tensor:
        """Return all proposals, shape (B, A, P), float32, computed in `dtype`.

        With `part`, indices of some of the P values, only these are computed.
        """
        if self._ready is not None and self._ready[0] == dtype and self._ready[1] is part:
            weight, bias = self._ready[2:]
        else:
            weight, bias = self._select(dtype, part)
        batches = z.to(dtype).expand(len(bias), *z.shape)  # (A, B, K)
        y = torch.baddbmm(bias.unsqueeze(1), batches, weight)  # (A, B, P)
        return y.to(self.weight.dtype).transpose(0, 1)

    @torch.no_grad()
    def products(self, z: Tensor, r: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return <r, y[a]> and sum_i w y[a]^2, both (B, A), of r (B, P) and w (P,)."""
        if self._products is None:
            self._products = ProductTables.of(self.weight, self.bias, w)
        found = self._products.multiply(z, r)
        if self._ready is None:  # the weights may change before the next call
            self._products = None
        return found

    def chosen(self, z: Tensor, action: Tensor) -> Tensor:
        """Return the chosen proposals, shape (B, P), float32."""
        return ChosenRows.apply(z, self.weight, self.bias, action)

    @contextmanager
    def cast_once(self, dtype: torch.dtype, part: Tensor | None = None) -> Iterator[None]:
        """Prepare the weights once for the `forward` calls inside; they must not change there."""
        with torch.no_grad():
            self._ready = (dtype, part, *self._select(dtype, part))
        try:
            yield
        finally:
            self._ready = self._products = None  # stale as soon as the weights change

    def _select(self, dtype: torch.dtype, part: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return weight and bias of some values in a precision."""
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if part is not None:
            weight, bias = weight.index_select(-1, part), bias.index_select(-1, part)
        return weight.to(dtype), bias.to(dtype)
