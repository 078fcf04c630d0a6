"""The perceptron of the S-agent's network: its trunk, and the head that makes the proposals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gcgen_env.model.grouped_linear import ChosenRows
from gcgen_env.model.inner_products import ProductTables
from gcgen_env.model.network_config import NetworkConfig


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

    def forward(
        self, x: Tensor, step: Tensor, given: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map (B, P) values to the features of the proposals (B, K) and of the prior (B, W).

        `given`, shape (B, W), is added to the step's embedding.
        """
        z = self.embed(x) + self.step_embedding(step)  # (B, W)
        if given is not None:
            z = z + given
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
