"""How value-based algorithms of SB3 save and load themselves and their buffers without pickle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import check_for_correct_spaces, get_system_info
from stable_baselines3.her import HerReplayBuffer

from agents.common.algorithm_file import list_arguments, read_model, write_model
from agents.common.provenance import find_device
from agents.common.saved_buffer import KIND as BUFFER_KIND
from agents.common.saved_buffer import fill_buffer, pack_buffer
from agents.common.saved_names import check_file, find_saved
from agents.common.saved_policy import DAMAGED, check_shapes, check_sizes
from gcgen_env.storage import File, describe_file, load_container, save_container


class SavedAlgorithmMixin:
    """Saves and loads DQN and its relatives; put it before SB3's class in the bases of a class."""

    # Attributes of the SB3 class beside this one.
    policy: Any
    policy_aliases: ClassVar[Any]
    replay_buffer: Any

    def save(
        self,
        path: File,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Write the model to one file, JSON and safetensors; no pickle.

        Args:
            path: Where to write, any suffix, or a binary file object.
            exclude: Arguments of the constructor to leave out; `load` then takes them as keywords.
            include: For SB3's interface; nothing else can be included.

        Raises:
            ValueError: If an argument cannot be saved without pickle.
        """
        if include := list(include or ()):
            raise ValueError(
                f"include={include} is not supported: the file holds arguments, weights and "
                "counters, and save_replay_buffer writes the replay buffer"
            )
        write_model(self, path, set(exclude or ()))

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
            env: An environment to train further; prediction needs none.
            device: Torch device, or "auto".
            custom_objects: Values that replace those of the file, as in SB3; others are ignored.
            print_system_info: Print the versions of this machine.
            force_reset: For SB3's interface; training always begins with a reset.
            **kwargs: Arguments of the constructor to change, such as `learning_rate`.

        Raises:
            FileNotFoundError: If there is no such file.
            TypeError: If a keyword is unknown.
            ValueError: If it is damaged, holds something else, or does not fit `env`; pickles
                are never read.
        """
        if print_system_info:
            get_system_info()
        names = list_arguments(cls) | {"policy"}
        if unknown := sorted(kwargs.keys() - names):
            raise TypeError(f"{cls.__name__} has no argument {unknown[0]!r}")
        saved, device = read_model(cls, path), find_device(device)
        replaced = {k: v for k, v in (custom_objects or {}).items() if k in names}
        settings = {"policy": saved.policy, **saved.arguments, **replaced, **kwargs}
        settings["policy"] = _find_policy(cls, settings["policy"])
        saved_spaces = saved.observation_space, saved.action_space
        if env is not None:
            env = cls._wrap_env(env)  # type: ignore[attr-defined]
            check_for_correct_spaces(env, *saved_spaces)
        elif _is_hindsight(settings.get("replay_buffer_class")):
            raise ValueError(f"{describe_file(path)} has a hindsight buffer, which needs env=")
        try:
            _check_policy(settings, saved_spaces, saved.parameters["policy"])
            model: Any = cls(env=env, device=device, _init_setup_model=False, **settings)  # type: ignore[call-arg]
            model.observation_space, model.action_space = saved_spaces
            model.n_envs = saved.n_envs if env is None else env.num_envs
            model._setup_model()
            model.set_parameters(saved.parameters)
        except DAMAGED as error:
            reason = " ".join(str(error).split())  # some messages have several lines
            raise ValueError(f"{describe_file(path)} cannot be loaded: {reason}") from error
        vars(model).update(saved.counters)
        return model

    def set_parameters(
        self,
        load_path_or_dict: Any,
        exact_match: bool = True,
        device: torch.device | str = "auto",
    ) -> None:
        """Load weights and the state of the optimiser.

        Args:
            load_path_or_dict: A file written by `save`, or what `get_parameters` returned.
            exact_match: Demand all of them; see SB3.
            device: For SB3's interface; the weights stay where they are.

        Raises:
            ValueError: If they do not fit; the model is then as it was.
        """
        parameters, where = load_path_or_dict, ""
        if not isinstance(parameters, dict):
            where = f"{describe_file(find_saved(parameters))} does not fit: "
            parameters = read_model(type(self), parameters).parameters
        try:  # before anything changes
            check_shapes(self.policy.state_dict(), parameters.get("policy", {}), exact_match)
            _check_moments(self.policy.optimizer, parameters.get("policy.optimizer", {}))
        except ValueError as error:
            raise ValueError(f"{where}{error}") from error
        super().set_parameters(parameters, exact_match, device)  # type: ignore[misc]

    def save_replay_buffer(self, path: File) -> None:
        """Write the transitions in the replay buffer to one file; no pickle.

        Args:
            path: Where to write, any suffix, or a binary file object.
        """
        check_file(path, writing=True)
        save_container(path, BUFFER_KIND, *pack_buffer(self.replay_buffer))

    def load_replay_buffer(self, path: File, truncate_last_traj: bool = True) -> None:
        """Put the transitions of a file into the replay buffer; pickles are never read.

        Args:
            path: A file written by `save_replay_buffer`, with or without `.pkl`.
            truncate_last_traj: End the last episode of a hindsight buffer, as in SB3.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged, holds something else, or does not fit the model.
        """
        path = find_saved(path, ".pkl")
        document, tensors = load_container(path, BUFFER_KIND)
        try:
            fill_buffer(self.replay_buffer, document, tensors)
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{describe_file(path)} does not fit the model: {error}") from error
        if truncate_last_traj and isinstance(self.replay_buffer, HerReplayBuffer):
            self.replay_buffer.truncate_last_trajectory()


def _find_policy(algorithm: Any, policy: Any) -> type[BasePolicy]:
    """Return the class of a policy by its name or its alias, or the class that was passed."""
    known = algorithm.policy_aliases
    known = {**known, **{cls.__name__: cls for cls in known.values()}}
    if isinstance(policy, str) and policy not in known:
        raise ValueError(f"the policy is a {policy}, a class of your own: pass policy={policy}")
    return known[policy] if isinstance(policy, str) else policy


def _is_hindsight(buffer: Any) -> bool:
    """Return whether the class of a buffer asks the environment."""
    return isinstance(buffer, type) and issubclass(buffer, HerReplayBuffer)


def _check_policy(
    settings: dict[str, Any], saved_spaces: tuple[Any, Any], weights: dict[str, torch.Tensor]
) -> None:
    """Raise a ValueError unless weights have the sizes that the policy's arguments ask for."""
    observation_space, action_space = saved_spaces
    arguments = {
        "observation_space": observation_space,
        "action_space": action_space,
        "lr_schedule": BasePolicy._dummy_schedule,
        **(settings.get("policy_kwargs") or {}),
    }
    check_sizes(settings["policy"], arguments, weights)


def _check_moments(optimizer: torch.optim.Optimizer, given: dict[str, Any]) -> None:
    """Raise a ValueError unless the state of an optimiser has the shapes of the weights."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for index, moments in given.get("state", {}).items():
        for key, value in moments.items():
            if index >= len(weights) or value.shape not in ((), weights[index].shape):
                raise ValueError(
                    f"the optimizer's {key} of weight {index} has shape {tuple(value.shape)}"
                )
