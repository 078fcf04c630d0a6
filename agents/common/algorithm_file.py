"""The file of a value-based algorithm: its arguments as JSON, its states as tensors."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any, NamedTuple

from gymnasium import spaces
from torch import Tensor

from agents.common.saved_names import check_file, find_saved
from agents.common.stored_arguments import decode, encode
from agents.common.stored_spaces import space_from_json, space_to_json
from gcgen_env.storage import File, describe_file, load_container, save_container

KIND = "algorithm"
"""Kind of container that `write_model` writes."""
COUNTERS = (
    *("num_timesteps", "_total_timesteps", "_n_updates", "_n_calls", "_episode_num"),
    *("exploration_rate", "_current_progress_remaining"),
)
"""Attributes that say how far training has come."""
_OPTIMIZER = "policy.optimizer"  # key of SB3's `get_parameters`
_WEIGHTS, _MOMENTS = "policy/", "optimizer/"  # prefixes of tensors in the file
_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
_NOT_SAVED = {"policy", "env", "device", "_init_setup_model"}  # arguments of constructors


class SavedModel(NamedTuple):
    """The parts of a model that a file holds."""

    arguments: dict[str, Any]
    """Arguments of the constructor."""
    policy: str
    """Name of the class of the policy."""
    observation_space: spaces.Space[Any]
    """Space of one observation."""
    action_space: spaces.Space[Any]
    """Space of one action."""
    n_envs: int
    """Number of environments."""
    counters: dict[str, Any]
    """Values of `COUNTERS`."""
    parameters: dict[str, Any]
    """States of policy and optimiser, as SB3's `get_parameters` returns them."""


def list_arguments(algorithm: type) -> set[str]:
    """Return the names of the arguments of a constructor that a file holds.

    A constructor that takes `**kwargs` passes them to that of its parent class.
    """
    names: set[str] = set()
    for cls in algorithm.__mro__:
        if "__init__" not in vars(cls):
            continue
        found = inspect.signature(cls).parameters.values()
        names |= {each.name for each in found if each.kind not in _VARIADIC}
        if all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in found):
            break
    return names - _NOT_SAVED


def write_model(model: Any, path: File, exclude: Collection[str]) -> None:
    """Write a model of SB3 to one file.

    Args:
        model: DQN or a relative.
        path: Where to write.
        exclude: Arguments to leave out.

    Raises:
        ValueError: If an argument cannot be saved without pickle.
    """
    check_file(path, writing=True)
    names = list_arguments(type(model))
    if unknown := sorted(set(exclude) - names):
        raise ValueError(f"exclude may hold arguments of the constructor, not {unknown[0]!r}")
    try:
        arguments = {name: _read_argument(model, name) for name in sorted(names - set(exclude))}
    except ValueError as error:
        raise ValueError(f"{error}; save(..., exclude=[<name>]) leaves an argument out") from error
    parameters = model.get_parameters()
    optimizer = parameters[_OPTIMIZER]
    document = {
        "class": type(model).__name__,
        "policy": model.policy_class.__name__,
        "arguments": arguments,
        "observation_space": space_to_json(model.observation_space),
        "action_space": space_to_json(model.action_space),
        "n_envs": model.n_envs,
        "counters": {name: getattr(model, name) for name in COUNTERS},
        "optimizer": encode(optimizer["param_groups"], "the optimizer"),
    }
    tensors = {f"{_WEIGHTS}{name}": value for name, value in parameters["policy"].items()}
    for index, moments in optimizer["state"].items():  # index of a weight
        given = {f"{_MOMENTS}{index}.{k}": v for k, v in moments.items() if v is not None}
        tensors |= given  # SGD without momentum has None
    save_container(path, KIND, document, tensors)


def read_model(algorithm: type, path: File) -> SavedModel:
    """Read a file that `write_model` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or holds something else.
    """
    path = find_saved(path)
    document, tensors = load_container(path, KIND)
    if (name := document.get("class")) != algorithm.__name__:
        raise ValueError(
            f"{describe_file(path)} holds a {name}, not a {algorithm.__name__}: call {name}.load"
        )
    try:
        return SavedModel(
            arguments=dict(decode(document["arguments"])),
            policy=str(document["policy"]),
            observation_space=space_from_json(document["observation_space"]),
            action_space=space_from_json(document["action_space"]),
            n_envs=int(document["n_envs"]),
            counters={key: _check_number(document["counters"][key]) for key in COUNTERS},
            parameters=_read_parameters(decode(document["optimizer"]), tensors),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{describe_file(path)} is damaged: {error}") from error


def _read_argument(model: Any, name: str) -> Any:
    """Return an argument of the constructor as JSON values, read from the attribute of SB3."""
    value = getattr(model, "_stats_window_size" if name == "stats_window_size" else name)
    if name == "train_freq":  # SB3 has made it an enumeration
        value = (value.frequency, value.unit.value)
    return encode(value, name)


def _check_number(value: Any) -> Any:
    """Return a counter, or raise a ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a counter is {value!r:.100}")
    return value


def _read_parameters(groups: Any, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return the states of policy and optimiser."""
    weights, state = {}, dict[int, dict[str, Tensor]]()
    for name, value in tensors.items():
        if name.startswith(_WEIGHTS):
            weights[name.removeprefix(_WEIGHTS)] = value
        else:
            index, key = name.removeprefix(_MOMENTS).split(".")  # such as 3, exp_avg
            state.setdefault(int(index), {})[key] = value
    return {"policy": weights, _OPTIMIZER: {"state": state, "param_groups": groups}}
