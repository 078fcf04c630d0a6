"""Output layers that make A proposals, or only the chosen one, from the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class LinearHead(nn.Module):
    """A linear maps from features z to P values: y[a] = W[a] z + b[a].

    `forward` makes all A proposals in one matrix product. `rows` makes only the chosen ones:
    the batch is grouped by chosen index, one small product for each group, so that neither
    the values nor the gradient of the other A - 1 proposals are ever computed.
    """

    def __init__(self, features: int, num_proposals: int, values: int) -> None:
        """Make the weights, small, so that a fresh network hardly moves the canvas.

        Args:
            features: Size of z.
            num_proposals: A.
            values: P, the number of values of one proposal.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_proposals, values, features) * 0.02)
        self.bias = nn.Parameter(torch.randn(num_proposals, values) * 0.02)
        self._ledger: list[tuple[Tensor, Tensor, Tensor]] | None = None
        self._cast: tuple[Tensor, Tensor] | None = None

    def forward(self, z: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return all proposals, shape (B, A, P), computed and given in `dtype`."""
        if self._cast is not None and self._cast[0].dtype == dtype:
            weight, bias = self._cast
        else:
            weight, bias = self.weight.to(dtype), self.bias.to(dtype)
        y = nn.functional.linear(z.to(dtype), weight.flatten(0, 1), bias.flatten())
        return y.view(len(z), *self.bias.shape)

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
        return _ChosenRows.apply(z, self.weight, self.bias, action, self)

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
                grads = _weight_gradient(z, grad, action, len(self.weight))
                for parameter, gradient in zip((self.weight, self.bias), grads, strict=True):
                    if parameter.grad is None:
                        parameter.grad = gradient
                    else:
                        parameter.grad += gradient
        finally:
            self._ledger = None


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
        return y.flatten(2)

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


class _ChosenRows(torch.autograd.Function):
    """y_b = W[a_b] z_b + b[a_b], one small product for each group of equal a_b."""

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, weight: Tensor, bias: Tensor, action: Tensor, head: LinearHead
    ) -> Tensor:
        ctx.save_for_backward(z, weight, action)
        ctx.head = head
        y = torch.empty(len(z), bias.shape[1], dtype=z.dtype, device=z.device)
        for a, rows in _groups(action, len(weight)):
            y[rows] = torch.addmm(bias[a], z[rows], weight[a].T)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        z, weight, action = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_z = None
        if ctx.needs_input_grad[0]:
            grad_z = torch.empty_like(z)
            for a, rows in _groups(action, len(weight)):
                grad_z[rows] = grad[rows] @ weight[a]
        if not ctx.needs_input_grad[1]:
            return grad_z, None, None, None, None
        if ctx.head._ledger is not None:
            ctx.head._ledger.append((z.detach(), grad, action))
            return grad_z, None, None, None, None
        return grad_z, *_weight_gradient(z, grad, action, len(weight)), None, None


def _weight_gradient(z: Tensor, grad: Tensor, action: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Compute dL/dW[a] = sum over rows choosing a of grad z^T, and dL/db[a] likewise."""
    weight = grad.new_zeros(num, grad.shape[1], z.shape[1])
    bias = grad.new_zeros(num, grad.shape[1]).index_add_(0, action, grad)
    for a, rows in _groups(action, num):
        torch.mm(grad[rows].T, z[rows], out=weight[a])
    return weight, bias


def _groups(action: Tensor, num: int) -> Iterator[tuple[int, Tensor]]:
    """Yield each index that was chosen with the rows that chose it."""
    counts = torch.bincount(action, minlength=num).tolist()
    for a, rows in enumerate(action.argsort(stable=True).split(counts)):
        if len(rows):
            yield a, rows
