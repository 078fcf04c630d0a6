"""Saved models: the constructor's arguments as JSON, every state as safetensors."""

from __future__ import annotations

import inspect
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from agents.gcgen.config import to_json
from gcgen_env.config import EnvConfig
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.saved import pack_s_agent, unpack_s_agent
from gcgen_env.spaces import make_observation_space
from gcgen_env.storage import load_container, save_container

if TYPE_CHECKING:
    from agents.gcgen.gcgen import GCGen

KIND = "gcgen"
_OPTIONS = (
    "learning_rate",
    "gc_learning_rate",
    "gc_objective",
    "gc_interval",
    "auxiliary",
    "batch_size",
    "precision",
    "train_s_agent",
)
_OPTIMIZERS = ("optimizer", "policy.optimizer")


def save_model(model: GCGen, path: str | Path, with_optimizer: bool = True) -> Path:
    """Write a model to one file, atomically.

    Args:
        model: What to write.
        path: Where, any suffix.
        with_optimizer: Keep the optimisers' state, to train further.

    Returns:
        The path written.
    """
    document, tensors = pack_s_agent(model.s_agent.to_saved())
    tensors |= {f"policy.{k}": v for k, v in model.policy.state_dict().items()}
    document["options"] = {
        **{name: getattr(model, name) for name in _OPTIONS},
        "lr_schedule": model.lr_schedule_name,
        "n_envs": model.n_envs,
        "policy_kwargs": {**model.policy_kwargs, **vars(model.policy.selection)},
        "s_agent_kwargs": model.s_agent_kwargs,
        "policy": model.policy_class.__name__,
        "seed": model.seed,
    }
    document["env_config"] = _config_to_json(model.env_config)
    document["counters"] = {
        "num_timesteps": model.num_timesteps,
        "n_updates": model._n_updates,
        "progress": model.progress,
    }
    if with_optimizer:
        for name in _OPTIMIZERS:
            groups, states = _pack_optimizer(name, model.get_parameters()[name])
            document[name] = groups
            tensors |= states
    return save_container(path, KIND, to_json(document), tensors)


def load_model(
    cls: type[GCGen],
    path: str | Path,
    env: Any,
    device: torch.device | str,
    changes: dict[str, Any],
) -> GCGen:
    """Read a model written by `save_model`; see `GCGen.load`."""
    document, tensors = load_container(path, KIND)
    unknown = set(changes) - set(inspect.signature(cls).parameters)
    if unknown:
        raise TypeError(f"GCGen has no argument {sorted(unknown)[0]!r}")
    try:
        options = {**document["options"], **changes}
        if isinstance(options["policy"], str) and options["policy"] not in cls.policy_aliases:
            raise ValueError(
                f"{path} was saved with the policy class {options['policy']}: pass "
                f"policy={options['policy']} to load it"
            )
        model = cls(env=None, device=device, _init_setup_model=False, **options)
        model.s_agent = SAgent.from_saved(unpack_s_agent(document, tensors, model.device))
        model.env_config = EnvConfig(**document["env_config"])
        model.n_envs = options["n_envs"]
        _restore(model, document, tensors)
    except (LookupError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit its own header: {error}") from error
    if env is not None:
        model.set_env(env)
    # Not the seed itself: each stretch of a run that goes on sees goals of its own.
    model.set_random_seed(None if model.seed is None else (model.seed + model._n_updates) % 2**32)
    return model


def _restore(model: GCGen, document: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Build the rest of a model and load its states."""
    network = model.s_agent.network.config
    model.observation_space = make_observation_space(
        model.s_agent.likelihood, network.shape, network.num_proposals, "pixels"
    )
    model.action_space = spaces.Discrete(network.num_proposals)
    model._setup_lr_schedule()
    model._finish_setup()
    prefix = "policy."
    state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    model.policy.load_state_dict({k: v for k, v in state.items() if not k.startswith("optimizer.")})
    for name, optimizer in zip(_OPTIMIZERS, (model.optimizer, model.policy.optimizer), strict=True):
        if name in document:
            optimizer.load_state_dict(_unpack_optimizer(name, document[name], tensors))
    counters = document["counters"]
    model.num_timesteps = counters["num_timesteps"]
    model._n_updates = counters["n_updates"]
    model.progress = counters["progress"]


def _pack_optimizer(name: str, state: dict[str, Any]) -> tuple[list[Any], dict[str, Tensor]]:
    """Split an optimiser's state into JSON and tensors."""
    tensors = {
        f"{name}.{index}.{key}": value
        for index, values in state["state"].items()
        for key, value in values.items()
    }
    return state["param_groups"], tensors


def _unpack_optimizer(name: str, groups: list[Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Undo `_pack_optimizer`."""
    state: dict[int, dict[str, Tensor]] = {}
    for full, value in tensors.items():
        if full.startswith(f"{name}."):
            index, key = full.removeprefix(f"{name}.").split(".")
            state.setdefault(int(index), {})[key] = value
    return {"state": state, "param_groups": groups}


def _config_to_json(config: EnvConfig | None) -> dict[str, Any]:
    """Return a configuration as JSON values; arrays and objects are not kept.

    The S-agent holds its own initial state and rate, and is its own proposer.
    """
    assert config is not None
    fields = asdict(replace(config, proposer="dictionary", initial_state=None, rate=None))
    if isinstance(fields["dataset"], np.ndarray | list):
        fields["dataset"] = None
    return fields
