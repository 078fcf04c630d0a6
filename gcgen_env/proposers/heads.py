"""Output layers that make A proposals, or only the chosen one, from the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

FEW_ROWS = 16
"""Up to this many rows for each of the A matrices are summed one by one, more in groups."""
MOST_PADDING = 4
"""Groups are filled up to the longest if that makes at most so many rows of one."""


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


class _ChosenRows(torch.autograd.Function):
    """y_b = z_b W[a_b] + b[a_b]; the gradient in one small product for each group of equal a_b."""

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, weight: Tensor, bias: Tensor, action: Tensor, head: LinearHead
    ) -> Tensor:
        ctx.head = head
        ctx.save_for_backward(z, weight, action)
        if len(z) <= FEW_ROWS * len(weight):
            y = _sum_rows(z, weight, action)
        else:
            y = Groups.of(action, len(weight)).multiply(z, weight)
        return y.add_(bias.index_select(0, action))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        z, weight, action = ctx.saved_tensors
        grad, grad_z = grads[0], None
        if ctx.needs_input_grad[0]:
            grad_z = Groups.of(action, len(weight)).multiply(grad, weight.transpose(1, 2))
        if not ctx.needs_input_grad[1]:
            return grad_z, None, None, None, None
        if ctx.head._ledger is not None:
            ctx.head._ledger.append((z.detach(), grad, action))
            return grad_z, None, None, None, None
        return grad_z, *_weight_gradient(z, grad, action, len(weight)), None, None


def _sum_rows(x: Tensor, matrices: Tensor, action: Tensor) -> Tensor:
    """Compute x_b M[a_b], a weighted sum of the rows of M[a_b]: (B, N), (A, N, M) to (B, M).

    A product of few rows is slower: it first packs the whole matrix.
    """
    if len(x) > len(matrices):  # put rows together, so that each matrix is fetched once
        order = action.argsort()
        y = _sum_rows_in_turn(x.index_select(0, order), matrices, action.index_select(0, order))
        return y.index_select(0, order.argsort())
    return _sum_rows_in_turn(x, matrices, action)


def _sum_rows_in_turn(x: Tensor, matrices: Tensor, action: Tensor) -> Tensor:
    """Compute the same in the order of the batch."""
    num = x.shape[1]
    first = (num * action).int().unsqueeze(1)
    index = first + torch.arange(num, dtype=torch.int32, device=x.device)
    return nn.functional.embedding_bag(
        index, matrices.flatten(0, 1), per_sample_weights=x, mode="sum"
    )


class Groups(NamedTuple):
    """The rows of a batch, put together by the index they chose."""

    action: Tensor
    """The index each row chose, shape (B,)."""
    order: Tensor
    """Rows, those of one index side by side, shape (B,)."""
    counts: list[int]
    """How many rows chose each index, length A."""

    @classmethod
    def of(cls, action: Tensor, num: int) -> Groups:
        """Sort the rows of `action` (B,), whose values lie in [0, num)."""
        order = action.argsort(stable=True)
        return cls(action, order, torch.bincount(action, minlength=num).tolist())

    def multiply(self, x: Tensor, matrices: Tensor) -> Tensor:
        """Compute x_b M[a_b]: (B, N) and (A, N, M) to (B, M)."""
        longest = max(self.counts)
        if 0 < len(self.counts) * longest <= MOST_PADDING * len(x):
            return self._multiply_padded(x, matrices, longest)
        y = x.new_empty(len(x), matrices.shape[2])
        groups = zip(*(v.split(self.counts) for v in (x[self.order], y)), strict=True)
        for (rows, products), matrix in zip(groups, matrices.unbind(), strict=True):
            if len(rows):
                torch.mm(rows, matrix, out=products)
        return torch.empty_like(y).index_copy_(0, self.order, y)

    def _multiply_padded(self, x: Tensor, matrices: Tensor, longest: int) -> Tensor:
        """Compute the same in one batched product, every group filled up to the longest."""
        counts = torch.tensor(self.counts, device=x.device)
        first = (counts.cumsum(0) - counts)[self.action[self.order]]  # of its group, (B,)
        place = torch.empty_like(self.order)
        place[self.order] = torch.arange(len(x), device=x.device) - first
        place += longest * self.action
        padded = x.new_zeros(len(counts) * longest, x.shape[1]).index_copy_(0, place, x)
        y = torch.bmm(padded.view(len(counts), longest, -1), matrices)
        return y.flatten(0, 1).index_select(0, place)

    def correlate(self, x: Tensor, y: Tensor) -> Tensor:
        """Compute sum over b with a_b = a of x_b^T y_b: (B, N) and (B, M) to (A, N, M)."""
        total = x.new_zeros(len(self.counts), x.shape[1], y.shape[1])
        groups = zip(*(v[self.order].split(self.counts) for v in (x, y)), strict=True)
        for (left, right), matrix in zip(groups, total.unbind(), strict=True):
            if len(left):
                torch.mm(left.T, right, out=matrix)
        return total


def _weight_gradient(z: Tensor, grad: Tensor, action: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Compute dL/dW[a] = sum over rows choosing a of z^T grad, and dL/db[a] likewise."""
    bias = grad.new_zeros(num, grad.shape[1]).index_add_(0, action, grad)
    return Groups.of(action, num).correlate(z, grad), bias
