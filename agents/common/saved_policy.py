"""Policies that are saved without pickle: their arguments as JSON, their weights as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor

from agents.common.provenance import find_device
from agents.common.saved_names import check_file, find_saved
from agents.common.stored_arguments import decode, encode
from gcgen_env.storage import File, describe_file, load_container, save_container

KIND = "policy"
"""Kind of container that `SavedPolicyMixin.save` writes."""
DAMAGED = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(TypeError, ValueError, RuntimeError),
)
"""What constructors raise when the entries of a file do not fit."""


class SavedPolicyMixin:
    """Saves and loads a policy of SB3; put it before SB3's policy in the bases of a class."""

    # Methods of the SB3 class beside this one.
    state_dict: Any
    load_state_dict: Any
    to: Any
    _dummy_schedule: Any

    def save(self, path: File) -> None:
        """Write the policy to one file, JSON and safetensors; no pickle.

        Args:
            path: Where to write, any suffix, or a binary file object.

        Raises:
            ValueError: If an argument of the policy cannot be saved without pickle.
        """
        check_file(path, writing=True)
        arguments = self._get_constructor_parameters()  # type: ignore[attr-defined]
        arguments.pop("lr_schedule")  # as in SB3, a policy alone does not learn
        document = {
            "class": type(self).__name__,
            "arguments": {name: encode(value, name) for name, value in arguments.items()},
        }
        save_container(path, KIND, document, self.state_dict())

    @classmethod
    def load(cls, path: File, device: torch.device | str = "auto") -> Self:
        """Read a policy written by `save`.

        Args:
            path: The file, with or without `.zip`, or a binary file object.
            device: Torch device, or "auto".

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged, or holds something else; pickles are never read.
        """
        path, device = find_saved(path), find_device(device)
        document, tensors = load_container(path, KIND)
        if (name := document.get("class")) != cls.__name__:
            raise ValueError(
                f"{describe_file(path)} holds a {name}, not a {cls.__name__}: call {name}.load"
            )
        try:
            arguments = {**decode(document["arguments"]), "lr_schedule": cls._dummy_schedule}
            check_sizes(cls, arguments, tensors)
            policy = cls(**arguments)
            policy.load_state_dict(tensors)
        except DAMAGED as error:
            reason = " ".join(str(error).split())  # some messages have several lines
            raise ValueError(f"{describe_file(path)} is damaged: {reason}") from error
        return policy.to(device)


def check_sizes(
    policy_class: Any, arguments: dict[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Compare the sizes that arguments ask for with those of the weights, before taking memory.

    Args:
        policy_class: Class of the policy.
        arguments: Arguments of its constructor.
        tensors: Its weights.

    Raises:
        ValueError: If they differ.
    """
    with torch.device("meta"):  # tensors with a shape and no memory
        sketch = policy_class(**arguments)
    check_shapes(sketch.state_dict(), tensors)


def check_shapes(
    wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], exact_match: bool = True
) -> None:
    """Raise a ValueError unless given weights have the names and shapes of the wanted ones.

    Args:
        wanted: Weights of a module.
        given: Weights to load into it.
        exact_match: Compare all of them; False compares those that both have.
    """
    names = wanted.keys() | given.keys() if exact_match else wanted.keys() & given.keys()
    for name in sorted(names):
        own, new = (tuple(each[name].shape) if name in each else None for each in (wanted, given))
        if own is None or new is None:
            raise ValueError(f"the weight {name} is {'missing' if new is None else 'unknown'}")
        if own != new:
            raise ValueError(f"the weight {name} has shape {new}, expected {own}")
