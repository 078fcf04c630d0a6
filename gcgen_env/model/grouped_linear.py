"""The product y_b = z_b W[a_b] + b[a_b] and its gradient, at the cost of the chosen rows alone.

A processor computes few rows as weighted sums of the rows of W[a_b], more in groups that chose
the same index. How large the groups are it has to look up; an accelerator would have to wait
for the answer, and does without groups.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

FEW_ROWS = 16
"""Up to this many rows for each of the A matrices are summed one by one, more in groups."""
MOST_PADDING = 4
"""Groups are filled up to the longest if that makes at most so many rows of one."""

Defer = Callable[[Tensor, Tensor, Tensor], bool]
"""Takes z (B, W), grad (B, P) and a (B,) of one product; False asks for its gradient now."""


class ChosenRows(torch.autograd.Function):
    """z (B, W), W (A, W, P), b (A, P), a (B,) and a `Defer` to y (B, P)."""

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, weight: Tensor, bias: Tensor, action: Tensor, defer: Defer
    ) -> Tensor:
        """Compute y_b = z_b W[a_b] + b[a_b]."""
        ctx.defer = defer
        ctx.save_for_backward(z, weight, action)
        if z.is_cpu and len(z) > FEW_ROWS * len(weight):
            y = Groups.of(action, len(weight)).multiply(z, weight)
        else:
            y = sum_rows(z, weight, action)
        return y.add_(bias.index_select(0, action))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Compute dL/dz, and dL/dW and dL/db unless they are deferred."""
        z, weight, action = ctx.saved_tensors
        grad, grad_z = grads[0], None
        if ctx.needs_input_grad[0]:
            back = weight.transpose(1, 2)
            if grad.is_cpu:
                grad_z = Groups.of(action, len(weight)).multiply(grad, back)
            else:
                grad_z = sum_rows(grad, back, action)
        if not ctx.needs_input_grad[1] or ctx.defer(z.detach(), grad, action):
            return grad_z, None, None, None, None
        return grad_z, *compute_weight_gradient(z, grad, action, len(weight)), None, None


def compute_weight_gradient(
    z: Tensor, grad: Tensor, action: Tensor, num: int
) -> tuple[Tensor, Tensor]:
    """Compute dL/dW[a], the sum over rows choosing a of z^T grad, and dL/db[a] likewise.

    Args:
        z: shape (B, W).
        grad: dL/dy, shape (B, P).
        action: a, shape (B,).
        num: A.

    Returns:
        Gradients of shape (A, W, P) and (A, P).
    """
    if not grad.is_cpu:
        return correlate_all(z, grad, action, num)
    bias = grad.new_zeros(num, grad.shape[1]).index_add_(0, action, grad)
    return Groups.of(action, num).correlate(z, grad), bias


def correlate_all(x: Tensor, y: Tensor, action: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Compute sum over b with a_b = a of x_b^T y_b, and of y_b, in two dense products.

    Each x_b is put in the a_b-th place of A, zeros in the others: A times the arithmetic, which
    an accelerator has to spare, and sums in a fixed order.
    """
    chosen = (action.unsqueeze(1) == torch.arange(num, device=action.device)).to(x.dtype)
    spread = (chosen.unsqueeze(2) * x.unsqueeze(1)).flatten(1)  # (B, A N)
    return (spread.T @ y).unflatten(0, (num, -1)), chosen.T @ y


def sum_rows(x: Tensor, matrices: Tensor, action: Tensor) -> Tensor:
    """Compute x_b M[a_b], a weighted sum of the rows of M[a_b]: (B, N), (A, N, M) to (B, M).

    A product of few rows is slower: it first packs the whole matrix.
    """
    if len(x) > len(matrices):  # put rows together, so that each matrix is fetched once
        order = action.argsort()
        y = _sum_in_turn(x.index_select(0, order), matrices, action.index_select(0, order))
        return y.index_select(0, order.argsort())
    return _sum_in_turn(x, matrices, action)


def _sum_in_turn(x: Tensor, matrices: Tensor, action: Tensor) -> Tensor:
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
