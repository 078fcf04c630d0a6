"""Output layers that make A proposals, or only the chosen one, from the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gcgen_env.model.grouped_linear import ChosenRows, compute_weight_gradient


class LinearHead(nn.Module):
    """A linear maps from features z to P values: y[a] = z W[a] + b[a].

    `forward` makes all A proposals in one batched product. `rows` makes only the chosen ones,
    so that neither the values nor the gradient of the other A - 1 are ever computed: a few rows
    as weighted sums of the rows of W[a], many in groups of one index, a product for each.
    """

    def __init__(self, features: int, num_proposals: int, values: int) -> None:
        """Make the weights, small, so that a fresh network hardly moves the canvas.

        Args:
            features: W, the size of z.
            num_proposals: A.
            values: P, the number of values of one proposal.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_proposals, features, values) * 0.02)
        self.bias = nn.Parameter(torch.randn(num_proposals, values) * 0.02)
        self._ledger: list[tuple[Tensor, Tensor, Tensor]] | None = None
        self._cast: tuple[Tensor, Tensor] | None = None

    def forward(self, z: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return all proposals, shape (B, A, P), float32, computed in `dtype`."""
        if self._cast is not None and self._cast[0].dtype == dtype:
            weight, bias = self._cast
        else:
            weight, bias = self.weight.to(dtype), self.bias.to(dtype)
        batches = z.to(dtype).expand(len(bias), *z.shape)  # (A, B, W)
        y = torch.baddbmm(bias.unsqueeze(1), batches, weight)  # (A, B, P)
        return y.to(self.weight.dtype).transpose(0, 1)

    @contextmanager
    def keep_cast(self, dtype: torch.dtype) -> Iterator[None]:
        """Cast the weights once for all `forward` calls within, which must not change them."""
        if dtype == self.weight.dtype:
            yield
            return
        self._cast = self.weight.detach().to(dtype), self.bias.detach().to(dtype)
        try:
            yield
        finally:
            self._cast = None

    def rows(self, z: Tensor, action: Tensor) -> Tensor:
        """Return the chosen proposals, shape (B, P), float32."""
        return ChosenRows.apply(z, self.weight, self.bias, action, self._defer)

    @contextmanager
    def deferred_gradient(self) -> Iterator[None]:
        """Collect the weight gradients of all `rows` calls and add them in one pass at exit.

        A chain of H steps calls `rows` H times. Each call alone would add a dense, mostly
        zero gradient to the weights; put together, each W[a] gets one product over all the
        rows that chose it. Use it around `loss.backward()`.
        """
        self._ledger = []
        try:
            yield
            if self._ledger:
                z, grad, action = (torch.cat(parts) for parts in zip(*self._ledger, strict=True))
                grads = compute_weight_gradient(z, grad, action, len(self.weight))
                for parameter, gradient in zip((self.weight, self.bias), grads, strict=True):
                    if parameter.grad is None:
                        parameter.grad = gradient
                    else:
                        parameter.grad += gradient
        finally:
            self._ledger = None

    def _defer(self, z: Tensor, grad: Tensor, action: Tensor) -> bool:
        """Note what the weights' gradient is made of, if it is being collected."""
        if self._ledger is None:
            return False
        self._ledger.append((z, grad, action))
        return True


class ConvHead(nn.Module):
    """A maps of 1x1 convolutions from feature maps to images: y[a] = W[a] z + b[a]."""

    def __init__(self, features: int, num_proposals: int, channels: int) -> None:
        """Make the weights, small; `channels` is C of one image."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_proposals, channels, features) * 0.02)
        self.bias = nn.Parameter(torch.zeros(num_proposals, channels))

    def forward(self, z: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return all proposals, shape (B, A, C * height * width), from z (B, F, h, w)."""
        weight, bias = self.weight.to(dtype), self.bias.to(dtype)
        y = torch.einsum("bfhw,acf->bachw", z.to(dtype), weight) + bias[..., None, None]
        return y.flatten(2).to(self.weight.dtype)

    def rows(self, z: Tensor, action: Tensor) -> Tensor:
        """Return the chosen proposals, shape (B, C * height * width)."""
        weight, bias = self.weight[action], self.bias[action]  # (B, C, F), (B, C)
        y = torch.einsum("bfhw,bcf->bchw", z, weight) + bias[..., None, None]
        return y.flatten(1)

    @contextmanager
    def keep_cast(self, dtype: torch.dtype) -> Iterator[None]:
        """Do nothing: the weights are small, and casting them is cheap."""
        yield

    @contextmanager
    def deferred_gradient(self) -> Iterator[None]:
        """Do nothing: the weights are small, and autograd's own sums are cheap."""
        yield
