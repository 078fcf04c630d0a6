"""One codebook for each step: its codewords as proposals, and a prior that knows where they lie.

Step h moves only its own N coordinates, from `first` on, by one of A codewords c_h[a]:

    y[a] = c_h[a]
    p_S(a | x, h)  is proportional to  exp( b_h[a] + sum_i m_i c_i - kappa_i c_i^2 / 2 )

with c = c_h[a], and m and kappa computed from x and h. The prior is a normal distribution of what
is to be added, weighted by exp(b) and restricted to the codewords. So it learns from each choice
about all codewords that lie near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gcgen_env.model.basis import SPREAD
from gcgen_env.model.grouped_linear import ChosenRows, sum_rows
from gcgen_env.model.network_config import Group


class CodebookHead(nn.Module):
    """The codewords of all steps, fixed; the step alone decides which are proposed."""

    index: Tensor
    codebook: Tensor

    def __init__(self, groups: tuple[Group, ...], num_proposals: int, values: int) -> None:
        """Make codewords of zeros.

        Args:
            groups: First coordinate and number of coordinates of each step's group.
            num_proposals: A.
            values: P, the number of coordinates.
        """
        super().__init__()
        self.values = values
        size = max(size for _, size in groups)  # N; smaller groups are padded
        index = torch.full((len(groups), size), values)  # P is the place of what pads
        for h, (first, own) in enumerate(groups):
            index[h, :own] = torch.arange(first, first + own)
        self.register_buffer("index", index, persistent=False)  # (H, N)
        self.register_buffer("codebook", torch.zeros(len(groups), size, num_proposals))  # (H, N, A)
        self._kept: dict[str, Tensor] | None = None  # inside of `cast_once`

    def forward(
        self, step: Tensor, dtype: torch.dtype = torch.float32, part: Tensor | None = None
    ) -> Tensor:
        """Return all proposals of steps (B,), shape (B, A, P), rounded to `dtype`.

        With `part`, indices of some of the P coordinates, only these.
        """
        rows = self.codebook.index_select(0, step).to(dtype).to(self.codebook.dtype)  # (B, N, A)
        full = rows.new_zeros(len(step), self.values + 1, rows.shape[2])  # (B, P + 1, A)
        place = self.index[step].unsqueeze(2).expand_as(rows)  # (B, N, A)
        y = full.scatter(1, place, rows)[:, :-1].transpose(1, 2)  # (B, A, P)
        return y if part is None else y.index_select(-1, part)

    def chosen(self, step: Tensor, action: Tensor) -> Tensor:
        """Return the chosen proposals of steps (B,) and actions (B,), shape (B, P)."""
        rows = self.codebook[step, :, action]  # (B, N)
        full = rows.new_zeros(len(step), self.values + 1)
        return full.scatter(1, self.index[step], rows)[:, :-1]

    def products(self, step: Tensor, r: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return <r, y[a]> and sum_i w y[a]^2, both (B, A), of r (B, P) and w (P,)."""
        weight = _pad(w)[self.index].unsqueeze(1)  # (H, 1, N)
        energy = self._keep(
            "energy", lambda: (weight @ self.codebook.square()).squeeze(1)
        )  # (H, A)
        r = self.take(r, step)  # (B, N)
        if _is_one(step):
            first = r @ self.codebook[step[0]]
        else:
            first = sum_rows(r, self.codebook, step)
        return first, energy.index_select(0, step)

    def tabulate(self) -> Tensor:
        """Return all c_i and -c_i^2 / 2, in standard deviations, shape (H, 2 N, A)."""
        return self._keep("table", self._tabulate)

    def _tabulate(self) -> Tensor:
        """Compute `tabulate`."""
        c = self.codebook / SPREAD
        return torch.cat([c, -0.5 * c.square()], dim=1)

    def take(self, values: Tensor, step: Tensor) -> Tensor:
        """Return what values (B, P) have at the coordinates of steps (B,): (B, N), 0 if padded."""
        return _pad(values).gather(1, self.index[step])

    @contextmanager
    def cast_once(self, dtype: torch.dtype, part: Tensor | None = None) -> Iterator[None]:
        """Compute the tables of codewords once inside."""
        self._kept = {}
        try:
            yield
        finally:
            self._kept = None

    def _keep(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """Return a table, which is computed once inside of `cast_once`."""
        if self._kept is None:
            return compute()
        if name not in self._kept:
            self._kept[name] = compute()
        return self._kept[name]


class CodebookPrior(nn.Module):
    """p_S over the codewords of each step; a fresh one is exp(b), whatever x is."""

    feature_axis = 1
    """Axis of the features in `weight`."""

    def __init__(self, head: CodebookHead, width: int) -> None:
        """Make a linear map for each step; `width` is the number of features that are read."""
        super().__init__()
        horizon, size, num = head.codebook.shape
        self.weight = nn.Parameter(torch.zeros(horizon, width, 2 * size))  # of m and kappa
        self.offset = nn.Parameter(torch.zeros(horizon, 2 * size))
        self.bias = nn.Parameter(torch.zeros(horizon, num))  # b, (H, A)

    def forward(self, features: Tensor, step: Tensor, head: CodebookHead) -> Tensor:
        """Return log p_S, shape (B, A), of features (B, W) and steps (B,)."""
        table = head.tabulate()  # (H, 2 N, A)
        if _is_one(step):
            h = step[0]
            z = torch.addmm(self.offset[h], features, self.weight[h])  # (B, 2 N)
            return torch.addmm(self.bias[h], z, table[h]).log_softmax(-1)
        z = ChosenRows.apply(features, self.weight, self.offset, step)  # (B, 2 N)
        return ChosenRows.apply(z, table, self.bias, step).log_softmax(-1)


def _pad(values: Tensor) -> Tensor:
    """Append a zero to values (..., P), which padded coordinates read."""
    return nn.functional.pad(values, (0, 1))


def _is_one(step: Tensor) -> bool:
    """Return whether all steps (B,) are the same one, as in a roll-out; a GPU is not asked."""
    return step.is_cpu and len(step) > 0 and bool((step == step[0]).all())
