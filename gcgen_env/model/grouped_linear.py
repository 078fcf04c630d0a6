"""The product y_b = z_b W[a_b] + b[a_b] and its gradient, at the cost of the chosen rows alone.

On a CPU, few products are weighted sums of the rows of W[a_b], and many are computed in groups
of equal a_b. The sizes of the groups must be known to the host, for which an accelerator would
have to wait: it works without groups.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

FEW_ROWS = 16
"""Batches of up to this many entries for each of the A matrices are computed without groups."""
MOST_PADDING = 4
"""Groups are padded to the longest if this makes the batch at most so many times longer."""


class ChosenRows(torch.autograd.Function):
    """Maps z (B, W), W (A, W, P), b (A, P) and a (B,) to y (B, P)."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, weight: Tensor, bias: Tensor, action: Tensor) -> Tensor:
        """Compute y_b = z_b W[a_b] + b[a_b]."""
        ctx.save_for_backward(z, weight, action)
        if z.is_cpu and len(z) > FEW_ROWS * len(weight):
            y = Groups.of(action, len(weight)).multiply(z, weight)
        else:
            y = sum_rows(z, weight, action)
        return y.add_(bias.index_select(0, action))  # (B, P)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Compute dL/dz, dL/dW and dL/db."""
        z, weight, action = ctx.saved_tensors
        grad, grad_z = grads[0], None  # grad: dL/dy, (B, P)
        if ctx.needs_input_grad[0]:
            back = weight.transpose(1, 2)  # (A, P, W)
            if grad.is_cpu:
                grad_z = Groups.of(action, len(weight)).multiply(grad, back)  # (B, W)
            else:
                grad_z = sum_rows(grad, back, action)  # (B, W)
        if ctx.needs_input_grad[1]:
            return grad_z, *compute_weight_gradient(z, grad, action, len(weight)), None
        if ctx.needs_input_grad[2]:  # W alone is frozen
            return grad_z, None, sum_groups(grad, action, len(weight)), None
        return grad_z, None, None, None


def compute_weight_gradient(
    z: Tensor, grad: Tensor, action: Tensor, num: int
) -> tuple[Tensor, Tensor]:
    """Compute dL/dW[a], the sum of z_b^T grad_b over all b with a_b = a, and dL/db[a] likewise.

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
    return Groups.of(action, num).correlate(z, grad), sum_groups(grad, action, num)


def sum_groups(grad: Tensor, action: Tensor, num: int) -> Tensor:
    """Sum grad (B, P) over all b with a_b = a, shape (A, P)."""
    if grad.is_cpu:
        return grad.new_zeros(num, grad.shape[1]).index_add_(0, action, grad)
    return nn.functional.one_hot(action, num).to(grad.dtype).T @ grad  # in a fixed order


def correlate_all(x: Tensor, y: Tensor, action: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Compute the sums of x_b^T y_b and of y_b over all b with a_b = a, in two dense products.

    Each x_b is padded with zeros to A blocks, of which it is the a_b-th. This costs A times the
    arithmetic, which is cheap on an accelerator, and sums in a fixed order.
    """
    chosen = (action.unsqueeze(1) == torch.arange(num, device=action.device)).to(x.dtype)  # (B, A)
    spread = (chosen.unsqueeze(2) * x.unsqueeze(1)).flatten(1)  # (B, A N)
    return (spread.T @ y).unflatten(0, (num, -1)), chosen.T @ y  # (A, N, M), (A, M)


def sum_rows(x: Tensor, matrices: Tensor, action: Tensor) -> Tensor:
    """Compute x_b M[a_b], a weighted sum of the rows of M[a_b]: (B, N), (A, N, M) to (B, M).

    A matrix product of a small batch is slower: it first packs the whole matrix.
    """
    if len(x) > len(matrices):  # sort by index, so that each matrix is read once
        order = action.argsort()
        y = _sum_in_turn(x.index_select(0, order), matrices, action.index_select(0, order))
        return y.index_select(0, order.argsort())  # back to the order of the batch
    return _sum_in_turn(x, matrices, action)


def _sum_in_turn(x: Tensor, matrices: Tensor, action: Tensor) -> Tensor:
    """Compute `sum_rows` in the order of the batch."""
    num = x.shape[1]  # N
    first = (num * action).int().unsqueeze(1)  # (B, 1), position of M[a_b] in the flat table
    index = first + torch.arange(num, dtype=torch.int32, device=x.device)  # (B, N)
    return nn.functional.embedding_bag(
        index, matrices.flatten(0, 1), per_sample_weights=x, mode="sum"
    )


class Groups(NamedTuple):
    """A batch sorted by the chosen index."""

    action: Tensor
    """The chosen indices, shape (B,)."""
    order: Tensor
    """Positions in the batch, sorted by chosen index, shape (B,)."""
    counts: list[int]
    """How often each index was chosen, length A."""

    @classmethod
    def of(cls, action: Tensor, num: int) -> Groups:
        """Group a batch by `action` (B,), whose values lie in [0, num)."""
        order = action.argsort(stable=True)
        return cls(action, order, torch.bincount(action, minlength=num).tolist())

    def multiply(self, x: Tensor, matrices: Tensor) -> Tensor:
        """Compute x_b M[a_b]: (B, N) and (A, N, M) to (B, M)."""
        longest = max(self.counts)
        if 0 < len(self.counts) * longest <= MOST_PADDING * len(x):
            return self._multiply_padded(x, matrices, longest)
        y = x.new_empty(len(x), matrices.shape[2])  # (B, M), sorted by chosen index
        groups = zip(*(v.split(self.counts) for v in (x[self.order], y)), strict=True)
        for (rows, products), matrix in zip(groups, matrices.unbind(), strict=True):
            if len(rows):  # an index may never be chosen
                torch.mm(rows, matrix, out=products)
        return torch.empty_like(y).index_copy_(0, self.order, y)  # back to the order of the batch

    def _multiply_padded(self, x: Tensor, matrices: Tensor, longest: int) -> Tensor:
        """Compute `multiply` in one batched product, every group padded to the longest."""
        counts = torch.tensor(self.counts, device=x.device)  # (A,)
        first = (counts.cumsum(0) - counts)[self.action[self.order]]  # of its group, (B,)
        place = torch.empty_like(self.order)  # (B,), position of each entry in `padded`
        place[self.order] = torch.arange(len(x), device=x.device) - first  # rank in its group
        place += longest * self.action  # start of its group
        padded = x.new_zeros(len(counts) * longest, x.shape[1]).index_copy_(0, place, x)
        y = torch.bmm(padded.view(len(counts), longest, -1), matrices)  # (A, longest, M)
        return y.flatten(0, 1).index_select(0, place)  # (B, M)

    def correlate(self, x: Tensor, y: Tensor) -> Tensor:
        """Sum x_b^T y_b over all b with a_b = a: (B, N) and (B, M) to (A, N, M)."""
        total = x.new_zeros(len(self.counts), x.shape[1], y.shape[1])  # (A, N, M)
        groups = zip(*(v[self.order].split(self.counts) for v in (x, y)), strict=True)
        for (left, right), matrix in zip(groups, total.unbind(), strict=True):
            if len(left):
                torch.mm(left.T, right, out=matrix)
        return total
