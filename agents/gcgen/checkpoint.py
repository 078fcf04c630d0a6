"""A saved model: the constructor's arguments as JSON, every state as safetensors; no pickle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from agents.common.selection_config import WIDTH
from agents.gcgen import optimizer_state
from agents.gcgen.config import to_json
from agents.gcgen.objective_choice import name_objective
from agents.gcgen.random_state import RandomState
from agents.gcgen.schedule import Schedule
from gcgen_env.config import EnvConfig
from gcgen_env.model.s_agent import SAgent
from gcgen_env.storage import File, describe_error, describe_file, load_container, save_container

KIND = "gcgen"
"""Kind of container that `Checkpoint.save` writes."""
OPTIMIZERS = ("optimizer", "policy.optimizer")  # keys of SB3's `get_parameters`
READ_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError)
"""What entries of a wrong type or value cause where they are used."""
_POLICY = "policy."
_CHOICES = "random.choices"
_BODY = "mlp_extractor.scorer.body.2.weight"  # of every policy of ours, shape (width, width)


EARLIER = {"optimizer": "adam", "weight_decay": 0.0}
"""What files of before did not name, as they were trained."""


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
    schedule: Schedule | None = None
    """The schedule of the last training; None before the first, and in files of version 0.1."""
    random_state: RandomState | None = None
    """The random generators; None in files of version 0.1."""
    optimizers: dict[str, optimizer_state.State] = field(default_factory=dict)
    """State of each of `OPTIMIZERS`; empty if left out."""
    counts: dict[str, int] = field(default_factory=dict)
    """Number of weights that have a state, of each optimiser; empty in files of version 0.1."""
    run: dict[str, Any] = field(default_factory=dict)
    """JSON values about the run that trains the model, such as its settings."""

    @classmethod
    def of(cls, model: Any, with_optimizers: bool = True) -> Checkpoint:
        """Collect the parts of a `GCGen` model."""
        optimizers = _optimizers(model) if with_optimizers else {}
        states = {name: each.state_dict()["state"] for name, each in optimizers.items()}
        return cls(
            options={
                **asdict(model.config),
                "gc_objective": name_objective(model.config.gc_objective),
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
            schedule=model.schedule,
            random_state=RandomState.of(model),
            optimizers=states,
            counts={name: len(state) for name, state in states.items()},
        )

    def restore(self, model: Any) -> None:
        """Load the states into a `GCGen` model that was built from `options` and `s_agent`.

        Raises:
            ValueError: If a state does not fit.
        """
        model.policy.load_state_dict(self.policy)
        for name, optimizer in _optimizers(model).items():
            if name in self.optimizers:
                optimizer_state.restore(
                    name, optimizer, self.optimizers[name], self.counts.get(name)
                )
        model.num_timesteps = self.counters["num_timesteps"]
        model._n_updates = self.counters["n_updates"]
        model.progress = self.counters["progress"]
        model.schedule = self.schedule
        model.set_random_seed(model._next_seed())
        if self.random_state is not None and model.seed == self.options["seed"] is not None:
            self.random_state.restore(model)

    def save(self, path: File, before_move: Callable[[], object] = lambda: None) -> Path | None:
        """Write one file, a path atomically; return the path, or None for a file object.

        `before_move` is called when the content is on the disk, just before it is at the path.
        """
        document, tensors = self.s_agent.pack()  # tensors: network.*, initial, rate
        tensors |= {f"{_POLICY}{name}": value for name, value in self.policy.items()}
        document["options"] = self.options
        document["env_config"] = _config_to_json(self.env_config)
        document["counters"] = self.counters
        document["optimizers"] = self.counts
        document["run"] = self.run
        for name, state in self.optimizers.items():
            tensors |= optimizer_state.pack(name, state)
        if self.schedule is not None:
            document["schedule"] = asdict(self.schedule)
        if self.random_state is not None:
            document["goals_state"] = self.random_state.goals
            tensors[_CHOICES] = self.random_state.choices
        return save_container(path, KIND, to_json(document), tensors, before_move)

    @classmethod
    def load(cls, path: File, device: torch.device | str) -> Checkpoint:
        """Read a file written by `save`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged or holds something else.
        """
        document, tensors = load_container(path, KIND)
        try:
            _check_width(document["options"], tensors.get(f"{_POLICY}{_BODY}"))
            return cls(
                options={**EARLIER, **document["options"]},
                env_config=_config_from_json(document["env_config"]),
                s_agent=SAgent.unpack(document, tensors, device),
                policy={
                    name.removeprefix(_POLICY): value
                    for name, value in tensors.items()
                    if name.startswith(_POLICY) and not name.startswith("policy.optimizer.")
                },
                counters=_read_counters(document["counters"]),
                schedule=Schedule(**document["schedule"]) if "schedule" in document else None,
                random_state=_read_random_state(document, tensors),
                optimizers={
                    name: optimizer_state.unpack(name, tensors)
                    for name in OPTIMIZERS
                    if name in document.get("optimizers", document)  # version 0.1: in the document
                },
                counts=dict(document.get("optimizers", {})),
                run=dict(document.get("run", {})),
            )
        except READ_ERRORS as error:
            raise ValueError(
                f"{describe_file(path)} is damaged: {describe_error(error)}"
            ) from error


def _optimizers(model: Any) -> dict[str, Optimizer]:
    """Return the optimisers of a `GCGen` model."""
    return dict(zip(OPTIMIZERS, (model.optimizer, model.policy.optimizer), strict=True))


def _check_width(options: dict[str, Any], body: Tensor | None) -> None:
    """Raise a ValueError if a policy would be built wider than its weights are."""
    width = options["policy_kwargs"].get("width", WIDTH)
    if body is None and options["policy"] == "GCPolicy":
        raise ValueError(f"the weights {_POLICY}{_BODY} are missing")
    if body is not None and tuple(body.shape) != (width, width):
        raise ValueError(
            f"{_POLICY}{_BODY} has shape {tuple(body.shape)}, the policy has width={width!r:.99}"
        )


def _read_counters(counters: dict[str, Any]) -> dict[str, Any]:
    """Return the counters of a document; raise a ValueError if one is out of range."""
    for name in ("num_timesteps", "n_updates"):
        if type(counters[name]) is not int or counters[name] < 0:
            raise ValueError(f"{name} must be a number of at least 0, got {counters[name]!r}")
    if not 0 <= counters["progress"] <= 1:
        raise ValueError(f"progress must lie in [0, 1], got {counters['progress']!r}")
    return {name: counters[name] for name in ("num_timesteps", "n_updates", "progress")}


def _read_random_state(document: dict[str, Any], tensors: dict[str, Tensor]) -> RandomState | None:
    """Return the random generators' state; None if the file has none."""
    if "goals_state" not in document:
        return None
    return RandomState(tensors[_CHOICES], document["goals_state"])


def _config_to_json(config: EnvConfig | None) -> dict[str, Any]:
    """Return a configuration as JSON values, without arrays and objects.

    The S-agent has its own initial state and rate, and is its own proposer.
    """
    assert config is not None
    fields = asdict(replace(config, proposer="dictionary", initial_state=None, rate=None))
    if isinstance(fields["dataset"], np.ndarray | list):
        fields["dataset"] = None  # a user's own images are not saved
    return fields


def _config_from_json(fields: dict[str, Any]) -> EnvConfig:
    """Undo `_config_to_json`; files of earlier versions say `binarize` for every likelihood."""
    if fields["likelihood"] != "bernoulli":
        fields = {**fields, "binarize": None}
    return EnvConfig(**fields)
