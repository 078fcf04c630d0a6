"""The state of an optimiser as named tensors: what a checkpoint keeps of it."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim import Optimizer

State = dict[int, dict[str, Tensor]]
"""Index of a weight to its values, such as `exp_avg`; empty for weights without update."""


def pack(name: str, state: State) -> dict[str, Tensor]:
    """Return the tensors of an optimiser, named `<name>.<index>.<key>`."""
    return {f"{name}.{i}.{key}": value for i, row in state.items() for key, value in row.items()}


def unpack(name: str, tensors: dict[str, Tensor]) -> State:
    """Return the tensors of an optimiser by weight and key."""
    state: State = {}
    for full, value in tensors.items():
        if full.startswith(f"{name}."):
            index, key = full.removeprefix(f"{name}.").split(".")  # such as 3, exp_avg
            state.setdefault(int(index), {})[key] = value
    return state


def restore(name: str, optimizer: Optimizer, state: State, count: int | None) -> None:
    """Load a state into an optimiser of its own settings.

    Args:
        name: Name of the optimiser, for messages.
        optimizer: It has been built for the weights.
        state: The state.
        count: Number of weights that must have a state; None if it was not saved.

    Raises:
        ValueError: If a part of the state is missing, or has another shape than its weight.
    """
    check(name, optimizer, state, count)
    groups: Any = optimizer.state_dict()["param_groups"]  # settings are built, not read
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def check(name: str, optimizer: Optimizer, state: State, count: int | None) -> None:
    """Raise a ValueError unless `restore` can load a state; arguments as there."""
    groups = optimizer.param_groups
    weights = [(weight, group) for group in groups for weight in group["params"]]
    if count is not None and count != len(state):
        raise ValueError(f"{name} has the state of {len(state)} weights, expected {count}")
    for index, values in state.items():
        if not 0 <= index < len(weights):
            raise ValueError(f"{name} has a state of weight {index}, of {len(weights)}")
        _check(f"{name}, weight {index}", values, _list_shapes(*weights[index]))


def _list_shapes(weight: Tensor, group: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what Adam keeps of a weight, or SOAP, whose groups have `axes`."""
    shapes = {"step": (), "exp_avg": tuple(weight.shape), "exp_avg_sq": tuple(weight.shape)}
    for axis in group.get("axes", ()):
        shapes |= {f"{key}_{axis}": (weight.shape[axis],) * 2 for key in ("moment", "basis")}
    return shapes


def _check(name: str, values: dict[str, Tensor], shapes: dict[str, tuple[int, ...]]) -> None:
    """Raise unless the values of a weight have these names and shapes."""
    for key in values.keys() | shapes.keys():
        if key not in shapes or key not in values:
            raise ValueError(f"{name}: {key} is {'unknown' if key in values else 'missing'}")
        if tuple(values[key].shape) != shapes[key] or not values[key].is_floating_point():
            raise ValueError(
                f"{name}: {key} has the wrong shape {tuple(values[key].shape)} or type"
            )
