"""`GCGen`: trains a GC-agent and an S-agent together, as a Stable-Baselines3 algorithm."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import get_device
from stable_baselines3.common.vec_env import VecEnv

from agents.common.vec_env import GoalVecEnv, find_source, make_live_env
from agents.gcgen import config as options
from agents.gcgen.checkpoint import READ_ERRORS, Checkpoint
from agents.gcgen.config import GCGenConfig
from agents.gcgen.policies import GCPolicy
from agents.gcgen.training import TwoAgentTraining
from gcgen_env.config import EnvConfig, document_fields, make_from_keywords
from gcgen_env.datasets import DataSource
from gcgen_env.goals import make_goals
from gcgen_env.model.build import check_fits, likelihood_of, make_s_agent
from gcgen_env.model.s_agent import SAgent
from gcgen_env.spaces import make_observation_space
from gcgen_env.storage import describe_error


@document_fields(GCGenConfig, "keywords of the constructor:")
class GCGen(TwoAgentTraining, BaseAlgorithm):
    """Goal-conditioned generation (Vargas Vieyra and Ménard, 2023).

    The S-agent proposes and the GC-agent selects, in roll-outs of `batch_size` trajectories, each
    with a training image as its goal. After each roll-out the S-agent learns to imitate the
    selection and to reconstruct the goals. The learned terms of the GC-agent follow one of
    `OBJECTIVES`, on roll-outs of their own that are not counted. One timestep is one decision of
    one trajectory.

    Training options, which are keywords of the constructor:
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"GCPolicy": GCPolicy}
    policy: GCPolicy

    def __init__(
        self,
        policy: str | type[GCPolicy] = "GCPolicy",
        env: Any = None,
        learning_rate: float = GCGenConfig.learning_rate,
        *,
        s_agent: str | Path | SAgent | None = None,
        s_agent_kwargs: dict[str, Any] | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        env_kwargs: dict[str, Any] | None = None,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
        **training: Any,
    ) -> None:
        """Make a model.

        Args:
            policy: "GCPolicy" or a subclass.
            env: An id, a `GCGenEnv` or a `GCGenVectorEnv`, whose goals, A, H and likelihood are
                used; it is neither stepped nor changed.
            learning_rate: Learning rate of the S-agent.
            s_agent: None starts a fresh S-agent; "pretrained", a saved file or an `SAgent` starts
                from a copy of that one.
            s_agent_kwargs: `width`, `depth`, `body` or `uniform_prior` of `NetworkConfig`.
            policy_kwargs: Keywords of `GCPolicy`, such as `look_ahead`, `learned` or `hard`.
            env_kwargs: Fields of `EnvConfig`, if `env` is an id.
            tensorboard_log: Folder of TensorBoard logs.
            verbose: 0 prints nothing, 1 prints tables.
            seed: Seed of all random draws.
            device: Torch device, or "auto".
            _init_setup_model: Build the networks now.
            **training: The other training options.

        Raises:
            TypeError: If a keyword is unknown.
            ValueError: If an option is invalid, or the S-agent does not fit the environment.
        """
        self.config = make_from_keywords(GCGenConfig, learning_rate=learning_rate, **training)
        self.config.check()
        options.check_seed(seed)
        options.check_json(policy_kwargs=policy_kwargs, s_agent_kwargs=s_agent_kwargs)
        self.s_agent_kwargs = dict(s_agent_kwargs or {})  # for the checkpoint
        self.progress = 0.0  # share of the training that is done, in [0, 1]
        self.env_config: EnvConfig | None = None
        self._data: DataSource | None = None
        self._initial_s_agent = s_agent
        self._live_env: VecEnv | None = None  # built by `get_env`
        self._last_grid = -1  # the first log has a grid of samples
        super().__init__(
            policy=policy,
            env=None if env is None else self._use_goals(env, env_kwargs),
            learning_rate=learning_rate,
            policy_kwargs={"net_arch": [], **(policy_kwargs or {})},
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
            support_multi_env=True,  # SB3 otherwise accepts one environment only
            monitor_wrapper=False,  # the environment is never stepped
            seed=seed,
        )
        if _init_setup_model:
            self._setup_model()

    def _use_goals(self, env: Any, env_kwargs: dict[str, Any] | None = None) -> GoalVecEnv:
        """Take the configuration and the goals of an environment."""
        config, data, num = find_source(env, env_kwargs)
        options.check_gamma(config)
        dataset, a = data.split(config.split), config.num_proposals
        likelihood = likelihood_of(config, dataset)
        if hasattr(self, "s_agent"):  # not yet in the constructor
            check_fits(self.s_agent, config, likelihood, dataset.shape)
        self.env_config, self._data, self._live_env = config, data, None
        space = make_observation_space(likelihood, dataset.shape, a, "pixels")
        self.config = replace(self.config, n_envs=num or self.config.n_envs)
        return GoalVecEnv(make_goals(config, data), self.config.n_envs, space, a)

    def _setup_model(self) -> None:
        """Build S-agent, policy and optimisers."""
        if self.env_config is None or self._data is None:
            raise ValueError("env is required: an id such as 'GCGen-Digits-v0', or an environment")
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)  # before the weights are drawn
        self._finish_setup(
            make_s_agent(self.env_config, self._data, self._initial_s_agent, **self.s_agent_kwargs)
        )

    def _finish_setup(self, s_agent: SAgent) -> None:
        """Build what depends on the S-agent and the spaces."""
        self.s_agent = s_agent.to(self.device)
        self.s_agent.network.set_trainable(self.config.train_s_agent)
        self.policy = self.policy_class(  # type: ignore[assignment]
            self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs
        ).to(self.device)
        self.optimizer = torch.optim.Adam(
            self.s_agent.network.parameters(),
            lr=self.lr_schedule(1.0),  # `_set_progress` replaces it in each round
            betas=(0.9, 0.99),
            fused=self.device.type in ("cpu", "cuda"),  # one kernel for all weights
        )

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed every generator; None draws a new seed for the choices."""
        super().set_random_seed(seed)
        self._generator = torch.Generator()  # on the CPU: the same draws on every device
        self._generator.manual_seed(self._generator.seed() if seed is None else seed)
        self._round_goals = None

    def get_env(self) -> VecEnv | None:
        """Return environments whose proposer is the model's S-agent, built at the first call."""
        if self._live_env is None and self.env_config is not None:
            data = self._open_data()
            self._live_env = make_live_env(self.env_config, data, self.s_agent, self.n_envs)
        return self._live_env

    def set_env(self, env: Any, force_reset: bool = True) -> None:
        """Train on the goals of another environment from now on.

        Args:
            env: An id, an `EnvConfig`, a `GCGenEnv` or a `GCGenVectorEnv`.
            force_reset: Unused; for SB3's interface.

        Raises:
            ValueError: If its images, A, H or likelihood are not those of the S-agent.
        """
        goals = self._use_goals(env)
        self.n_envs = goals.num_envs  # SB3's `set_env` demands that they are equal
        super().set_env(goals, force_reset)
        goals.seed(self._next_seed())  # unless a round is to be continued

    def save(  # type: ignore[override]
        self,
        path: str | Path,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Write the model to one file, JSON and safetensors, atomically; no pickle.

        Args:
            path: Where to write, any suffix.
            exclude: "optimizer" leaves out the optimisers' state: a third of the size.
            include: Unused; for SB3's interface.
        """
        Checkpoint.of(self, with_optimizers="optimizer" not in (exclude or ())).save(path)

    @classmethod
    def load(  # type: ignore[override]
        cls,
        path: str | Path,
        env: Any = None,
        device: torch.device | str = "auto",
        **kwargs: Any,
    ) -> GCGen:
        """Read a model written by `save`.

        Args:
            path: The file.
            env: An id or environment to train further; nothing else needs it.
            device: Torch device, or "auto".
            **kwargs: Constructor arguments to change, such as `tensorboard_log`.

        Raises:
            FileNotFoundError: If there is no such file.
            TypeError: If a keyword is unknown.
            ValueError: If the file is damaged, holds something else, or does not fit `env`.
        """
        known = inspect.signature(cls).parameters.keys() | vars(GCGenConfig()).keys()
        if unknown := sorted(kwargs.keys() - known):
            raise TypeError(f"{cls.__name__} has no argument {unknown[0]!r}")
        saved = Checkpoint.load(path, get_device(device))
        settings = {**saved.options, **kwargs}
        policy = settings.get("policy")
        if isinstance(policy, str) and policy not in cls.policy_aliases:
            raise ValueError(
                f"{path} was saved with the policy class {policy}: pass policy={policy} to load it"
            )
        try:
            model = cls(device=device, _init_setup_model=False, **settings)
            model._restore(saved)
        except READ_ERRORS as error:  # a part does not fit
            raise ValueError(f"{path} is damaged: {describe_error(error)}") from error
        if env is not None:
            model.set_env(env)
        return model

    def _restore(self, saved: Checkpoint) -> None:
        """Build the model of a checkpoint."""
        network = saved.s_agent.network.config
        self.observation_space = make_observation_space(
            saved.s_agent.likelihood, network.shape, network.num_proposals, "pixels"
        )
        self.action_space = spaces.Discrete(network.num_proposals)
        self.env_config, self.n_envs = saved.env_config, self.config.n_envs
        self._setup_lr_schedule()
        self._finish_setup(saved.s_agent)
        saved.restore(self)

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """Name the parts with a state, for `get_parameters` and `set_parameters`."""
        return ["policy", "policy.optimizer", "s_agent.network", "optimizer"], []
