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
        check_file(path)
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
            raise ValueError(f"{describe_file(path)} is damaged: {error}") from error
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
    wanted = {name: value.shape for name, value in sketch.state_dict().items()}
    given = {name: value.shape for name, value in tensors.items()}
    differing = [
        name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name)
    ]
    if differing:
        name = min(differing)
        raise ValueError(
            f"the weight {name} has shape {_show(given.get(name))}, expected "
            f"{_show(wanted.get(name))}"
        )


def _show(shape: torch.Size | None) -> Any:
    """Return a shape as a tuple, or "none"."""
    return "none" if shape is None else tuple(shape)
