"""`GCGen`: trains a GC-agent and an S-agent together, as a Stable-Baselines3 algorithm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, ConvertCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv

from agents.common.env_source import find_source
from agents.common.goal_vec_env import GoalVecEnv
from agents.common.provenance import find_device
from agents.common.saved_policy import check_sizes
from agents.common.vec_env import make_live_env
from agents.gcgen import batch_choice, fitting_parts
from agents.gcgen import config as options
from agents.gcgen.callbacks import BoundProgressBar
from agents.gcgen.checkerboard import split_pixels
from agents.gcgen.checkpoint import Checkpoint
from agents.gcgen.config import GCGenConfig
from agents.gcgen.evaluation_env import warn_of_other_proposers
from agents.gcgen.labels import add_classes
from agents.gcgen.objective_choice import check_objective
from agents.gcgen.optimizer import make_optimizer
from agents.gcgen.pace import PIXELS
from agents.gcgen.policies import GCPolicy
from agents.gcgen.saving import SavingMixin
from agents.gcgen.search_policy import SearchPolicy
from agents.gcgen.small_images import SMALL_RAMP, is_small
from agents.gcgen.training import TwoAgentTraining
from agents.gcgen.training_log import record_round
from gcgen_env.config import EnvConfig
from gcgen_env.datasets import DataSource
from gcgen_env.goals import make_goals
from gcgen_env.keywords import document_fields, make_from_keywords
from gcgen_env.model.build import OWN, check_fits, likelihood_of, make_s_agent
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.saved_proposers import check_alike
from gcgen_env.spaces import make_observation_space


@document_fields(GCGenConfig, "keywords of the constructor:")
class GCGen(SavingMixin, TwoAgentTraining, BaseAlgorithm):  # type: ignore[misc]
    """Goal-conditioned generation (Vargas Vieyra and Ménard, 2023).

    The S-agent proposes and the GC-agent selects, in roll-outs of `batch_size` trajectories, each
    with a training image as its goal. After each roll-out the S-agent learns to imitate the
    selection and to reconstruct the goals. The learned terms of the GC-agent follow one of
    `OBJECTIVES`, on roll-outs of their own that are not counted. One timestep is one decision of
    one trajectory.

    Training options, which are keywords of the constructor:
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        each.__name__: each for each in (GCPolicy, SearchPolicy)
    }
    policy: GCPolicy

    def __init__(
        self,
        policy: str | type[GCPolicy] = "GCPolicy",
        env: Any = None,
        learning_rate: float | None = None,
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
            policy: "GCPolicy", "SearchPolicy", or a subclass of `GCPolicy`.
            env: An id, a `GCGenEnv` or a `GCGenVectorEnv`, whose goals and settings are used.
            learning_rate: Learning rate of the S-agent; None suits its proposals.
            s_agent: None starts a fresh S-agent; "pretrained", a saved file or an `SAgent` starts
                from a copy of that one; "environment" is the environment's proposer, even a
                dictionary, which needs `train_s_agent=False`.
            s_agent_kwargs: Sizes of `NetworkConfig`, such as `width`; `basis` of `make_fresh`.
            policy_kwargs: Keywords of `GCPolicy`, such as `look_ahead`, `learned` or `hard`. Here
                `learned` is False by default, unless the S-agent is frozen, and the default of
                `look_ahead` is (0.8, 1.0) for images of at most 256 values.
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
        fitting_parts.check_policy_class(policy, GCPolicy, self.policy_aliases)
        has_values = issubclass(self.policy_aliases.get(policy, policy), SearchPolicy)  # type: ignore[arg-type]
        check_objective(self.config.gc_objective, has_values)
        options.check_json(policy_kwargs=policy_kwargs, s_agent_kwargs=s_agent_kwargs)
        self.s_agent_kwargs = dict(s_agent_kwargs or {})  # for the checkpoint
        self.env_config: EnvConfig | None = None
        self._data: DataSource | None = None
        self._initial_s_agent = s_agent
        self._live_env: VecEnv | None = None  # built by `get_env`
        self._last_grid = -1  # the first log has a grid of samples
        goals = None if env is None else self._use_goals(env, env_kwargs)
        terms: dict[str, Any] = {"learned": not self.config.train_s_agent}
        if has_values and self.env_config is not None:
            terms["horizon"] = self.env_config.horizon
        if goals is not None and is_small(goals.goals.dataset.shape):
            terms["look_ahead"] = SMALL_RAMP
        super().__init__(
            policy=policy,
            env=goals,
            learning_rate=learning_rate or PIXELS.learning_rate,  # until there is an S-agent
            policy_kwargs={"net_arch": [], **terms, **(policy_kwargs or {})},
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=find_device(device),
            support_multi_env=True,  # SB3 otherwise accepts one environment only
            monitor_wrapper=False,  # the environment is never stepped
            seed=None if seed is None else int(seed),  # Python's generator takes no NumPy number
        )
        if _init_setup_model:
            self._setup_model()

    def _use_goals(self, env: Any, env_kwargs: dict[str, Any] | None = None) -> GoalVecEnv:
        """Take the configuration and the goals of an environment."""
        own = getattr(self, "s_agent", self._initial_s_agent)
        config, data, num = find_source(env, env_kwargs, own, self.s_agent_kwargs.get("basis"))
        dataset, a = data.split(config.split), config.num_proposals
        fitting_parts.check_task(config, dataset, self.config)
        likelihood = likelihood_of(config, dataset, getattr(self, "s_agent", None))
        if hasattr(self, "s_agent"):  # not yet in the constructor
            check_fits(self.s_agent, config, likelihood, dataset.shape)
            if not self.s_agent.can_learn:  # the environment's own proposer
                found = make_s_agent(config, data, OWN)
                check_alike(self.s_agent.chain.proposer, found.chain.proposer, a)
                self.s_agent = found.to(self.device)
        self.env_config, self._data, self._live_env = config, data, None
        space = make_observation_space(likelihood, dataset.shape, a, "pixels")
        self.config = own = replace(self.config, n_envs=num or self.config.n_envs)
        return GoalVecEnv(make_goals(config, data), own.n_envs, space, a, own.replacement)

    def _setup_model(self) -> None:
        """Build S-agent, policy and optimisers."""
        if self.env_config is None or self._data is None:
            raise ValueError("env is required: an id such as 'GCGen-Digits-v0', or an environment")
        self.set_random_seed(self.seed)  # before the weights are drawn
        parts = (self.env_config, self._data, self._initial_s_agent)
        labelled = (self.config.condition, self.env.goals.dataset)
        self._finish_setup(make_s_agent(*parts, **add_classes(self.s_agent_kwargs, *labelled)))
        batch_choice.settle_batch_size(self)

    def _finish_setup(self, s_agent: SAgent) -> None:
        """Build what depends on the S-agent and the spaces."""
        fitting_parts.check_trainable(s_agent.can_learn, self.config.train_s_agent)
        self.s_agent = s_agent.to(self.device)
        self.learning_rate = self.pace.learning_rate
        self._setup_lr_schedule()
        if network := s_agent.network if s_agent.can_learn else None:
            network.set_trainable(self.config.train_s_agent)
        self.policy = self.policy_class(  # type: ignore[assignment]
            self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs
        ).to(self.device)
        self._scored_values = split_pixels(network, self.config.scored_pixels)
        self._uses_grey_goals = self.config.uses_grey_goals(self.s_agent.chain.shape)
        self.optimizer = make_optimizer(self.config.optimizer, network, *self.pace[:2])

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed every generator; None draws a new seed for the choices.

        Raises:
            ValueError: If the seed is not an integer in [0, 2**32).
        """
        options.check_seed(seed)
        super().set_random_seed(seed := None if seed is None else int(seed))
        self._generator = torch.Generator()  # on the CPU: the same draws on every device
        self._generator.manual_seed(self._generator.seed() if seed is None else seed)
        self._round_goals = None

    def get_env(self) -> VecEnv | None:
        """Return environments whose proposer is the model's S-agent, built at the first call."""
        if self._live_env is None and self.env_config is not None:
            num = min(self.n_envs, self.config.update_size)  # decisions at each call of `on_step`
            self._live_env = make_live_env(self.env_config, self._open_data(), self.s_agent, num)
        return self._live_env

    def _init_callback(self, callback: MaybeCallback, progress_bar: bool = False) -> BaseCallback:
        """Prepare the callbacks of a training; see SB3."""
        if progress_bar:  # SB3's bar knows no limit in minutes
            given = CallbackList(callback) if isinstance(callback, list) else callback
            given = given if isinstance(given, BaseCallback) else ConvertCallback(given)
            callback = [given, BoundProgressBar()]
        prepared = super()._init_callback(callback)
        warn_of_other_proposers(prepared, self.s_agent, self.config.train_s_agent)
        fitting_parts.warn_of_classes(self.s_agent.chain.num_classes, self.config)
        return prepared

    def dump_logs(self) -> None:
        """Write one row of the log now, with the bound of the last complete roll-out."""
        if not hasattr(self, "_logger"):
            raise RuntimeError("there is no log before the first call of learn() or set_logger()")
        record_round(self, self.last_trajectories)

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

    def _restore(self, saved: Checkpoint) -> None:
        """Build the model of a checkpoint."""
        chain = saved.s_agent.chain
        self.observation_space = make_observation_space(
            chain.likelihood, chain.shape, chain.num_proposals, "pixels"
        )
        self.action_space = spaces.Discrete(chain.num_proposals)
        self.env_config, self.n_envs = saved.env_config, self.config.n_envs
        self._setup_lr_schedule()
        names = ("observation_space", "action_space", "lr_schedule")
        arguments = {name: getattr(self, name) for name in names}
        check_sizes(self.policy_class, {**arguments, **self.policy_kwargs}, saved.policy)
        self._finish_setup(saved.s_agent)
        saved.restore(self)
