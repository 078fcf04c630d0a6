"""The file of an offline algorithm: its arguments as JSON, weights and moments as tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from gymnasium import spaces
from torch import Tensor

from agents.common.masking import MASK
from agents.common.saved_names import check_file, find_saved
from agents.common.saved_policy import DAMAGED, check_sizes
from agents.common.stored_arguments import decode, encode
from agents.common.stored_spaces import space_from_json, space_to_json
from agents.gcgen.optimizer_state import pack, restore, unpack
from gcgen_env.storage import File, describe_file, load_container, save_container

KIND = "offline-algorithm"
"""Kind of container that `write_model` writes."""
_WEIGHTS, _MOMENTS = "networks", "optimizer"  # prefixes of tensors in the file


class SavedModel(NamedTuple):
    """The parts of a model that a file holds."""

    arguments: dict[str, Any]
    """Arguments of the constructor."""
    observation_space: spaces.Dict
    """Space of one observation."""
    action_space: spaces.Discrete
    """Space of one action."""
    num_updates: int
    """Number of gradient steps."""
    weights: dict[str, Tensor]
    """State of the networks."""
    moments: dict[int, dict[str, Tensor]]
    """State of the optimiser, by weight."""


def find_spaces(env: Any) -> tuple[spaces.Dict, spaces.Discrete]:
    """Return the spaces of one environment.

    Args:
        env: An environment, a vector environment of Gymnasium or SB3, or a pair of spaces.

    Raises:
        ValueError: If they are not those of a GCGen environment.
    """
    if isinstance(env, tuple):
        observation_space, action_space = env
    else:
        observation_space, action_space = (
            getattr(env, f"single_{name}", getattr(env, name, None))
            for name in ("observation_space", "action_space")
        )
    needed = {"observation", "desired_goal", "step", MASK}
    if not isinstance(observation_space, spaces.Dict) or needed - observation_space.keys():
        raise ValueError(
            "offline algorithms need the observations of a GCGen environment: pass the "
            f"environment, or its two spaces; got {type(env).__name__}"
        )
    if not isinstance(action_space, spaces.Discrete):
        raise ValueError(f"the action space must be Discrete, got {type(action_space).__name__}")
    return observation_space, action_space


def write_model(name: str, saved: SavedModel, path: File) -> None:
    """Write a model to one file.

    Args:
        name: Name of its class.
        saved: What to write.
        path: Where to write.
    """
    check_file(path, writing=True)
    document = {
        "class": name,
        "arguments": {key: encode(value, key) for key, value in saved.arguments.items()},
        "observation_space": space_to_json(saved.observation_space),
        "action_space": space_to_json(saved.action_space),
        "num_updates": saved.num_updates,
    }
    tensors = {f"{_WEIGHTS}.{key}": value for key, value in saved.weights.items()}
    save_container(path, KIND, document, tensors | pack(_MOMENTS, saved.moments))


def read_model(cls: Any, path: File, env: Any, dataset: Any, device: torch.device | str) -> Any:
    """Read a file that `write_model` wrote; see `OfflineAlgorithm.load`."""
    path = find_saved(path)
    document, tensors = load_container(path, KIND)
    name = describe_file(path)
    if (own := document.get("class")) != cls.__name__:
        raise ValueError(f"{name} holds a {own}, not a {cls.__name__}: call {own}.load")
    try:
        saved = _parse(document, tensors, {*cls.saved_arguments, "horizon"})
    except DAMAGED as error:
        raise ValueError(f"{name} is damaged: {error}") from error
    pair = saved.observation_space, saved.action_space
    if env is not None and find_spaces(env) != pair:
        raise ValueError(f"{name} was trained in an environment with other spaces")
    try:
        arguments = {"env": pair, "device": "cpu", **saved.arguments}
        check_sizes(lambda **given: cls(**given).networks, arguments, saved.weights)
        model = cls(pair, dataset, device=device, **saved.arguments)
        model.networks.load_state_dict(saved.weights)
        count = len(model.optimizer.param_groups[0]["params"]) if saved.moments else None
        restore(_MOMENTS, model.optimizer, saved.moments, count)
    except DAMAGED as error:
        reason = " ".join(str(error).split())  # some messages have several lines
        raise ValueError(f"{name} cannot be loaded: {reason}") from error
    model.num_updates = saved.num_updates
    return model


def _parse(document: dict[str, Any], tensors: dict[str, Tensor], names: set[str]) -> SavedModel:
    """Return the parts of a file, which holds arguments of these names."""
    start = f"{_WEIGHTS}."
    weights = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
    updates = document["num_updates"]
    if type(updates) is not int or updates < 0:
        raise ValueError(f"the number of gradient steps is {updates!r:.100}")
    arguments = {key: decode(value) for key, value in document["arguments"].items()}
    if differing := sorted(arguments.keys() ^ names):
        raise ValueError(f"the argument {differing[0]} is missing or unknown")
    own, actions = (space_from_json(document[f"{key}_space"]) for key in ("observation", "action"))
    pair = find_spaces((own, actions))
    return SavedModel(arguments, *pair, updates, weights, unpack(_MOMENTS, tensors))
