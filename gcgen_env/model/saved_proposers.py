"""How proposers without learning are saved: as their name and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gcgen_env.config import MOST, check_count
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.proposer import CheckedProposer, LazyProposer, Proposals
from gcgen_env.model.toggles import ToggleProposer

_LARGEST = 1e6
"""Largest amplitude and decay of a dictionary."""


class MissingProposer(LazyProposer):
    """Takes the place of a user-defined proposer, which a file cannot hold."""

    def __init__(self, shape: tuple[int, ...], num_proposals: int) -> None:
        """Store the sizes."""
        self.shape = shape
        self.num_proposals = num_proposals

    def lazy(
        self, canvas: Tensor, step: Tensor, same_state: bool = False, need_all: bool = True
    ) -> Proposals:
        """Raise a ValueError."""
        raise ValueError(
            "the model was trained with a proposer of your own, which its file cannot hold: load "
            "it with env=<an environment with this proposer>"
        )


def describe_proposer(proposer: LazyProposer, num_proposals: int) -> dict[str, Any]:
    """Return what `restore_proposer` needs, as JSON values."""
    if isinstance(proposer, DictionaryProposer):
        return {"name": "dictionary", **proposer.settings}
    if isinstance(proposer, ToggleProposer):
        return {"name": "toggles"}
    return {"name": "user-defined", "num_proposals": num_proposals}


def is_same_proposer(one: LazyProposer, other: LazyProposer) -> bool:
    """Return whether two proposers without learning propose the same."""
    if isinstance(one, CheckedProposer) and isinstance(other, CheckedProposer):
        return one.inner is other.inner  # nothing is known of what is inside
    known = all(isinstance(each, DictionaryProposer | ToggleProposer) for each in (one, other))
    return known and describe_proposer(one, 0) == describe_proposer(other, 0)


def check_alike(own: LazyProposer, other: LazyProposer, num_proposals: int) -> None:
    """Raise a ValueError unless an environment's proposer is of the kind of the model's own."""
    ours, theirs = (describe_proposer(each, num_proposals) for each in (own, other))
    if ours != theirs:
        raise ValueError(
            f"the model was trained with the proposals {ours}, the environment has {theirs}: use "
            "an environment with the same ones"
        )


def restore_proposer(
    fields: Mapping[str, Any], shape: tuple[int, ...], horizon: int
) -> LazyProposer:
    """Build a proposer of this package, or what takes the place of a user-defined one.

    Args:
        fields: The result of `describe_proposer`.
        shape: Shape of one image.
        horizon: H.

    Raises:
        LookupError: If a setting is missing.
        ValueError: If the name is unknown, or a setting is impossible.
    """
    name, settings = fields["name"], {k: v for k, v in fields.items() if k != "name"}
    if name == "toggles":
        toggles = ToggleProposer()
        if shape != toggles.shape:
            raise ValueError(f"toggles need images {toggles.shape}, got {shape}")
        return toggles
    # A file may claim anything: sizes are checked before memory is taken.
    check_count("num_proposals", settings["num_proposals"], 2, "one is selected", MOST)
    if name == "user-defined":
        return MissingProposer(shape, settings["num_proposals"])
    if name != "dictionary":
        raise ValueError(f"unknown proposer {name!r:.99}")
    for key in ("amplitude", "decay"):
        if type(settings[key]) not in (int, float) or not 0 <= settings[key] <= _LARGEST:
            raise ValueError(f"{key} must lie in [0, {_LARGEST:g}], got {settings[key]!r:.99}")
    return DictionaryProposer(shape, horizon=horizon, **settings)
