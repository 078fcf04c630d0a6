"""SOAP: Adam in the eigenbasis of the second moments of gradients (Vyas et al., 2025)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class SOAP(torch.optim.Optimizer):
    """Adam on rotated gradients.

    For a weight of shape (m, n) with gradient G, and likewise for more axes,

        L <- beta L + (1 - beta) G G^T         Q_L: eigenvectors of L
        R <- beta R + (1 - beta) G^T G         Q_R: eigenvectors of R
        W <- W - eta Q_L Adam(Q_L^T G Q_R) Q_R^T

    `axes` of a group names the axes that are rotated; the moments of an axis sum over all others,
    so that a stack of matrices shares its rotations. The eigenvectors follow by one step of power
    iteration every `interval` updates. The first update only measures the moments. Every state is
    contiguous, as it is when it is loaded: products of another layout are rounded otherwise.
    With lambda = `weight_decay`, W first becomes (1 - eta lambda) W (Loshchilov and Hutter, 2019).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        interval: int = 10,
        axes: tuple[int, ...] = (0, 1),
        weight_decay: float = 0.0,
    ) -> None:
        """Prepare the groups.

        Args:
            params: Weights, or groups as dictionaries.
            lr: Learning rate eta.
            betas: Decay of the first and of all second moments.
            eps: Added to the square root in Adam's denominator.
            interval: Updates between two steps of power iteration.
            axes: Axes that are rotated; without any it is Adam.
            weight_decay: lambda.
        """
        settings = {"lr": lr, "betas": betas, "eps": eps, "interval": interval, "axes": axes}
        super().__init__(params, {**settings, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient; the closure is not used."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, self.state[weight], group)

    def _update(
        self, weight: Tensor, grad: Tensor, state: dict[str, Tensor], group: dict[str, Any]
    ) -> None:
        """Update one weight and its state."""
        axes = group["axes"]
        if not state:
            state["step"] = torch.zeros(())
            for key in ("exp_avg", "exp_avg_sq"):
                state[key] = torch.zeros_like(grad, memory_format=torch.contiguous_format)
            for axis in axes:
                state[f"moment_{axis}"] = correlate(grad, axis)
                state[f"basis_{axis}"] = find_eigenvectors(state[f"moment_{axis}"])
            return
        state["step"] += 1
        bases = {axis: state[f"basis_{axis}"] for axis in axes}
        rotated = rotate(grad, bases)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(rotate(self._adam(rotated, state, group), bases, back=True))
        for axis in axes:
            state[f"moment_{axis}"].lerp_(correlate(grad, axis), 1 - group["betas"][1])
        if axes and int(state["step"]) % group["interval"] == 0:
            self._turn(state, axes)

    def _adam(self, grad: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
        """Return the change of a weight in its basis (Kingma and Ba, 2015)."""
        (beta1, beta2), step = group["betas"], float(state["step"])
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        deviation = square.sqrt().div_((1 - beta2**step) ** 0.5).add_(group["eps"])
        return mean.div(deviation).mul_(-group["lr"] / (1 - beta1**step))

    def _turn(self, state: dict[str, Tensor], axes: tuple[int, ...]) -> None:
        """Improve the bases, and express the mean gradient in the new ones."""
        old = {axis: state[f"basis_{axis}"] for axis in axes}
        mean = rotate(state["exp_avg"], old, back=True)
        for axis in axes:
            product = state[f"moment_{axis}"] @ old[axis]
            order = (old[axis] * product).sum(0).argsort(descending=True)  # by eigenvalue
            state["exp_avg_sq"] = state["exp_avg_sq"].index_select(axis, order)
            state[f"basis_{axis}"] = torch.linalg.qr(product[:, order]).Q.contiguous()
        new = {axis: state[f"basis_{axis}"] for axis in axes}
        state["exp_avg"] = rotate(mean, new).contiguous()


def correlate(grad: Tensor, axis: int) -> Tensor:
    """Return the second moments of one axis, shape (n, n), summed over all other axes."""
    if grad.ndim == 3 and axis == 1:  # without a copy
        return torch.bmm(grad, grad.transpose(1, 2)).sum(0)
    rows = grad.movedim(axis, 0).flatten(1)  # (n, others)
    return rows @ rows.T


def find_eigenvectors(moment: Tensor) -> Tensor:
    """Return the eigenvectors of a symmetric matrix as columns, the largest eigenvalue first."""
    return torch.linalg.eigh(moment).eigenvectors.flip(1).contiguous()


def rotate(tensor: Tensor, bases: dict[int, Tensor], back: bool = False) -> Tensor:
    """Express a tensor in the bases of some axes, or undo it."""
    for axis, basis in bases.items():
        matrix = basis.T if back else basis  # (n, n)
        if axis == tensor.ndim - 1:
            tensor = tensor @ matrix
        elif axis == tensor.ndim - 2:
            tensor = matrix.T @ tensor
        else:
            tensor = torch.tensordot(matrix.T, tensor.movedim(axis, 0), 1).movedim(0, axis)
    return tensor
