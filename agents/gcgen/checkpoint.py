"""A saved model: the constructor's arguments as JSON, every state as safetensors; no pickle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.gcgen.config import to_json
from gcgen_env.config import EnvConfig
from gcgen_env.model.s_agent import SAgent
from gcgen_env.storage import File, describe_file, load_container, save_container

KIND = "gcgen"
"""Kind of container that `Checkpoint.save` writes."""
OPTIMIZERS = ("optimizer", "policy.optimizer")  # keys of SB3's `get_parameters`
_POLICY = "policy."


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The parts of a `GCGen` model that a file holds."""

    options: dict[str, Any]
    """Arguments of the constructor, JSON values."""
    env_config: EnvConfig | None
    """Configuration of the environment."""
    s_agent: SAgent
    """The S-agent, with its own initial state and rate."""
    policy: dict[str, Tensor]
    """State of the policy."""
    counters: dict[str, Any]
    """Values of "num_timesteps", "n_updates" and "progress"."""
    optimizers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """State of each of `OPTIMIZERS`; empty if left out."""

    @classmethod
    def of(cls, model: Any, with_optimizers: bool = True) -> Checkpoint:
        """Collect the parts of a `GCGen` model."""
        parameters = model.get_parameters() if with_optimizers else {}
        return cls(
            options={
                **asdict(model.config),
                "policy": model.policy_class.__name__,
                "policy_kwargs": {**model.policy_kwargs, **vars(model.policy.selection)},
                "s_agent_kwargs": model.s_agent_kwargs,
                "seed": model.seed,
            },
            env_config=model.env_config,
            s_agent=model.s_agent,
            policy=model.policy.state_dict(),
            counters={
                "num_timesteps": model.num_timesteps,
                "n_updates": model._n_updates,
                "progress": model.progress,
            },
            optimizers={name: parameters[name] for name in OPTIMIZERS if name in parameters},
        )

    def restore(self, model: Any) -> None:
        """Load the states into a `GCGen` model that was built from `options` and `s_agent`."""
        model.policy.load_state_dict(self.policy)
        optimizers = model.optimizer, model.policy.optimizer  # in the order of OPTIMIZERS
        for name, optimizer in zip(OPTIMIZERS, optimizers, strict=True):
            if name in self.optimizers:
                optimizer.load_state_dict(self.optimizers[name])
        model.num_timesteps = self.counters["num_timesteps"]
        model._n_updates = self.counters["n_updates"]
        model.progress = self.counters["progress"]

    def save(self, path: File) -> Path | None:
        """Write one file, a path atomically; return the path, or None for a file object."""
        document, tensors = self.s_agent.pack()  # tensors: network.*, initial, rate
        tensors |= {f"{_POLICY}{name}": value for name, value in self.policy.items()}
        document["options"] = self.options
        document["env_config"] = _config_to_json(self.env_config)
        document["counters"] = self.counters
        for name, state in self.optimizers.items():
            document[name] = state["param_groups"]
            for index, values in state["state"].items():  # index of a weight: its moments
                tensors |= {f"{name}.{index}.{key}": value for key, value in values.items()}
        return save_container(path, KIND, to_json(document), tensors)

    @classmethod
    def load(cls, path: File, device: torch.device | str) -> Checkpoint:
        """Read a file written by `save`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged or holds something else.
        """
        document, tensors = load_container(path, KIND)
        try:
            policy = {
                name.removeprefix(_POLICY): value
                for name, value in tensors.items()
                if name.startswith(_POLICY) and not name.startswith("policy.optimizer.")
            }
            counters = document["counters"]
            return cls(
                options=dict(document["options"]),
                env_config=EnvConfig(**document["env_config"]),
                s_agent=SAgent.unpack(document, tensors, device),
                policy=policy,
                counters={key: counters[key] for key in ("num_timesteps", "n_updates", "progress")},
                optimizers={
                    name: {"state": _read_state(name, tensors), "param_groups": document[name]}
                    for name in OPTIMIZERS
                    if name in document
                },
            )
        except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{describe_file(path)} is damaged: {error}") from error


def _read_state(name: str, tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Return the tensors of an optimiser by parameter and key."""
    state: dict[int, dict[str, Tensor]] = {}
    for full, value in tensors.items():
        if full.startswith(f"{name}."):
            index, key = full.removeprefix(f"{name}.").split(".")  # such as 3, exp_avg
            state.setdefault(int(index), {})[key] = value
    return state


def _config_to_json(config: EnvConfig | None) -> dict[str, Any]:
    """Return a configuration as JSON values, without arrays and objects.

    The S-agent has its own initial state and rate, and is its own proposer.
    """
    assert config is not None
    fields = asdict(replace(config, proposer="dictionary", initial_state=None, rate=None))
    if isinstance(fields["dataset"], np.ndarray | list):
        fields["dataset"] = None  # a user's own images are not saved
    return fields
