"""How `GCGen` saves and loads itself: SB3's interface, over `Checkpoint`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, ClassVar, Self

import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import recursive_getattr
from stable_baselines3.common.utils import get_system_info

from agents.common.provenance import find_device
from agents.common.saved_names import check_file, find_saved
from agents.common.saved_policy import check_shapes
from agents.gcgen import optimizer_state
from agents.gcgen.checkpoint import OPTIMIZERS, READ_ERRORS, Checkpoint
from agents.gcgen.config import GCGenConfig, check_options
from agents.gcgen.objective_choice import check_saved_objective
from gcgen_env.model.basis import is_same_basis
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.saved_proposers import is_same_proposer
from gcgen_env.storage import File, describe_error, describe_file

_OPTIMIZER = "optimizer"  # the one part that a file can do without
_PARTS = {_OPTIMIZER, "policy", "policy.optimizer", "s_agent"}


class SavingMixin:
    """Saves, loads and takes over parameters; put it before `BaseAlgorithm` in the bases."""

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]]
    s_agent: SAgent

    def save(
        self,
        path: File,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Write the model to one file, JSON and safetensors; no pickle.

        Args:
            path: Where to write, atomically, any suffix; or a binary file object.
            exclude: "optimizer" leaves out the optimisers' state: a third of the size.
            include: For SB3's interface; everything that can be saved is.

        Raises:
            OSError: If the file cannot be written.
            ValueError: If something else is to be left out or put in.
        """
        check_file(path, writing=True)
        excluded, included = set(exclude or ()), set(include or ())
        if others := sorted(excluded - {_OPTIMIZER}):
            raise ValueError(
                f"exclude={others} is not supported: only 'optimizer' can be left out of a model"
            )
        if others := sorted(included - _PARTS):
            raise ValueError(
                f"include={others} is not supported: a file holds the options, both agents and "
                "their optimisers"
            )
        Checkpoint.of(self, with_optimizers=_OPTIMIZER not in excluded - included).save(path)

    @classmethod
    def load(
        cls,
        path: File,
        env: Any = None,
        device: torch.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **kwargs: Any,
    ) -> Self:
        """Read a model written by `save`.

        Args:
            path: The file, with or without `.zip`, or a binary file object.
            env: An id or environment to train further. Nothing else needs it, unless the model
                was trained with a proposer of your own.
            device: Torch device, or "auto".
            custom_objects: Values that replace those of the file, as in SB3; names that the file
                does not hold are ignored.
            print_system_info: Print the versions of this machine.
            force_reset: For SB3's interface; no environment is stepped.
            **kwargs: Constructor arguments to change, such as `tensorboard_log`.

        Raises:
            FileNotFoundError: If there is no such file.
            TypeError: If a keyword is unknown.
            ValueError: If the file is damaged, holds something else, or does not fit `env`.
        """
        known = inspect.signature(cls).parameters.keys() | vars(GCGenConfig()).keys()
        if unknown := sorted(kwargs.keys() - known):
            raise TypeError(f"{cls.__name__} has no argument {unknown[0]!r}")
        if print_system_info:
            get_system_info()
        found = find_device(device)
        path = find_saved(path)
        saved, name = Checkpoint.load(path, found), describe_file(path)
        replaced = {k: v for k, v in (custom_objects or {}).items() if k in saved.options}
        if not isinstance(replaced.get("lr_schedule", ""), str):
            del replaced["lr_schedule"]  # SB3 gives a function this name
        check_options({**replaced, **kwargs})  # else the file would be called damaged
        settings = {**saved.options, **replaced, **kwargs}
        policy = settings.get("policy")
        if isinstance(policy, str) and policy not in cls.policy_aliases:
            raise ValueError(
                f"{name} was saved with the policy class {policy}: pass policy={policy} to load it"
            )
        check_saved_objective(name, settings.get("gc_objective"))
        try:
            model: Any = cls(device=found, _init_setup_model=False, **settings)  # type: ignore[call-arg]
            model._restore(saved)
        except READ_ERRORS as error:  # a part does not fit
            raise ValueError(f"{name} is damaged: {describe_error(error)}") from error
        if env is not None:
            model.set_env(env)
        return model

    def set_parameters(
        self,
        load_path_or_dict: Any,
        exact_match: bool = True,
        device: torch.device | str = "auto",
    ) -> None:
        """Take over the weights of another model, and the state of its optimisers.

        Args:
            load_path_or_dict: A file written by `save`, or what `get_parameters` returned.
            exact_match: Demand all parts and all weights; False takes over what there is.
            device: For SB3's interface; the weights stay where they are.

        Raises:
            ValueError: If they do not fit; the model is then as it was.
        """
        parameters, where = load_path_or_dict, ""
        if not isinstance(parameters, dict):
            source = find_saved(parameters)
            where = f"{describe_file(source)} does not fit: "
            parameters = self._read_parameters(source, exact_match)
        try:  # before anything changes
            self._check_parameters(parameters, exact_match)
        except ValueError as error:
            raise ValueError(f"{where}{error}") from error
        super().set_parameters(parameters, exact_match, device)  # type: ignore[misc]

    def _check_parameters(self, parameters: dict[str, Any], exact_match: bool) -> None:
        """Raise a ValueError unless the model can take over parameters."""
        for name in parameters.keys() & set(self._get_torch_save_params()[0]):
            own = recursive_getattr(self, name)
            if name in OPTIMIZERS:
                optimizer_state.check(name, own, parameters[name]["state"], None)
            else:
                check_shapes(own.state_dict(), parameters[name], exact_match)

    def _read_parameters(self, path: File, exact_match: bool) -> dict[str, Any]:
        """Return the parameters in a file, in the form of `get_parameters`."""
        saved, name = Checkpoint.load(path, "cpu"), describe_file(path)
        if not _is_alike(saved.s_agent, self.s_agent):
            raise ValueError(
                f"{name} has an S-agent of another size, basis, likelihood, initial state or rate: "
                "GCGen.load makes a model of its own from it"
            )
        if exact_match and len(saved.optimizers) < len(OPTIMIZERS):
            raise ValueError(
                f"{name} was saved without its optimisers: pass exact_match=False to take over "
                "the weights alone"
            )
        network = {}
        if saved.s_agent.can_learn:
            network = {"s_agent.network": saved.s_agent.network.state_dict()}
        own = {name: state for name, state in self.get_parameters().items() if name in OPTIMIZERS}  # type: ignore[attr-defined]
        optimizers = {
            name: {**own[name], "state": state} for name, state in saved.optimizers.items()
        }
        return {"policy": saved.policy, **network, **optimizers}

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """Name the parts with a state, for `get_parameters` and `set_parameters`."""
        network = ["s_agent.network"] if self.s_agent.can_learn else []
        return ["policy", "policy.optimizer", *network, "optimizer"], []


def _is_alike(one: SAgent, other: SAgent) -> bool:
    """Return whether two S-agents differ in their weights alone."""
    dynamics = (one.chain.dynamics, other.chain.dynamics)
    if one.can_learn and other.can_learn:
        has_form = one.network.config == other.network.config
    else:
        has_form = is_same_proposer(one.chain.proposer, other.chain.proposer)
    return (
        has_form
        and is_same_basis(one.basis, other.basis)
        and one.likelihood == other.likelihood
        and torch.equal(*(each.initial.cpu() for each in dynamics))
        and torch.equal(*(each.rate.cpu() for each in dynamics))
    )
