"""`GCGen`: trains a GC-agent and an S-agent together, as a Stable-Baselines3 algorithm."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import get_device
from torch import Tensor

from agents.common.vec_env import GCGenVecEnv, find_config, make_vec_env
from agents.gcgen import config as options
from agents.gcgen.checkpoint import load_model, save_model
from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.generative_model import GenerativeModel
from agents.gcgen.losses import check_finite, compute_bound, s_agent_loss
from agents.gcgen.objectives import OBJECTIVES
from agents.gcgen.policies import GCPolicy
from agents.gcgen.rollout import Path as Trajectories
from agents.gcgen.rollout import Selector, rollout
from agents.gcgen.training_log import SAMPLE_INTERVAL, record_samples, record_time, record_update
from gcgen_env.config import EnvConfig
from gcgen_env.model.build import check_saved
from gcgen_env.model.s_agent import SAgent, make_s_agent
from gcgen_env.model.sampling import make_sampler


class GCGen(GenerativeModel, BaseAlgorithm):
    """Goal-conditioned generation (Vargas Vieyra and Ménard, 2023).

    Each round rolls out `n_envs` trajectories: the S-agent proposes, the GC-agent selects. The
    S-agent learns to imitate the selection and to reconstruct the goals through the chain; the
    GC-agent's learned terms follow one of `OBJECTIVES`, on roll-outs of their own. One timestep
    is one decision of one trajectory of the round.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"GCPolicy": GCPolicy}
    policy: GCPolicy

    def __init__(
        self,
        policy: str | type[GCPolicy] = "GCPolicy",
        env: Any = None,
        learning_rate: float = 2e-3,
        n_envs: int = 128,
        batch_size: int = 64,
        s_agent: str | Path | SAgent | None = None,
        train_s_agent: bool = True,
        lr_schedule: str = "cosine",
        auxiliary: float = 1.0,
        gc_learning_rate: float = 3e-3,
        gc_objective: str = "leave_one_out",
        gc_interval: int = 16,
        precision: str = "auto",
        s_agent_kwargs: dict[str, Any] | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        env_kwargs: dict[str, Any] | None = None,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        """Make a model.

        Args:
            policy: "GCPolicy" or a subclass.
            env: An id, a `GCGenEnv` or a `GCGenVectorEnv`. The model builds its own batched
                environment from its configuration, with the live S-agent as the proposer.
            learning_rate: Of the S-agent.
            n_envs: Trajectories rolled out between two callbacks, when `env` is not a vector
                environment.
            batch_size: Trajectories of one gradient step, best a multiple of 8: leave-one-out
                compares gcd(batch_size, 8) paths of each goal.
            s_agent: None starts a fresh one; "pretrained", a saved file or an `SAgent` that.
            train_s_agent: False freezes the S-agent, and only the GC-agent learns.
            lr_schedule: "cosine" (to zero at the end of `learn`) or "constant".
            auxiliary: Weight of the reconstructions on the way, falling to zero while it learns.
            gc_learning_rate: Of the GC-agent's learned score, temperature and value.
            gc_objective: How these learn: "leave_one_out" or another key of `OBJECTIVES`.
            gc_interval: Updates of the S-agent for each one of the GC-agent.
            precision: In which proposals are scored while training: "float32", "bfloat16", or
                "auto", the faster one here.
            s_agent_kwargs: `width`, `depth`, `body`, `uniform_prior` of `NetworkConfig`.
            policy_kwargs: Such as `look_ahead`, `learned`, `hard` of `GCPolicy`.
            env_kwargs: Fields of `EnvConfig`, when `env` is an id.
            tensorboard_log: Folder of TensorBoard logs.
            verbose: 0 is silent, 1 prints tables.
            seed: One seed reproduces a run.
            device: Torch device, or "auto".
            _init_setup_model: Build the networks now.

        Raises:
            ValueError: If an option is out of range, or the S-agent does not fit the
                environment.
        """
        options.check_rates(learning_rate=learning_rate, gc_learning_rate=gc_learning_rate)
        options.check_counts(batch_size=batch_size, gc_interval=gc_interval)
        options.check_options(auxiliary, lr_schedule, gc_objective, precision, seed)
        options.check_json(policy_kwargs=policy_kwargs, s_agent_kwargs=s_agent_kwargs)
        self.train_s_agent = train_s_agent
        self.lr_schedule_name = lr_schedule
        self.auxiliary = auxiliary
        self.gc_learning_rate = gc_learning_rate
        self.gc_objective = gc_objective
        self.gc_interval = gc_interval
        self.precision = precision
        self.batch_size = batch_size
        self.s_agent_kwargs = dict(s_agent_kwargs or {})
        self.progress = 0.0
        self._last_grid = -1
        self._initial_s_agent = s_agent
        self.env_config: EnvConfig | None = None
        adapter = None
        if env is not None:
            self.env_config, num = find_config(env, env_kwargs)
            options.check_gamma(self.env_config)
            adapter = make_vec_env(self.env_config, num or n_envs, get_device(device))
        super().__init__(
            policy=policy,
            env=adapter,
            learning_rate=learning_rate,
            policy_kwargs={"net_arch": [], **(policy_kwargs or {})},
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
            support_multi_env=True,
            monitor_wrapper=False,
            seed=seed,
        )
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        """Build S-agent, policy and optimisers."""
        if self.env_config is None:
            raise ValueError("env is required: an id such as 'GCGen-Digits-v0', or an environment")
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        self.s_agent = make_s_agent(
            self.env_config, self._initial_s_agent, **self.s_agent_kwargs
        ).to(self.device)
        self._finish_setup()

    def _finish_setup(self) -> None:
        """Build what follows from the S-agent and the spaces."""
        self._require_gradients()
        self.policy = self.policy_class(  # type: ignore[assignment]
            self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs
        ).to(self.device)
        self.optimizer = torch.optim.Adam(
            self.s_agent.network.parameters(),
            lr=self.lr_schedule(1.0),
            betas=(0.9, 0.99),
            fused=self.device.type in ("cpu", "cuda"),
        )
        self._attach_chain()

    def _require_gradients(self) -> None:
        """Let autograd follow what is trained of the S-agent."""
        network = self.s_agent.network.requires_grad_(self.train_s_agent)
        if network.config.uniform_prior:
            network.prior_head.requires_grad_(False)

    def _attach_chain(self) -> None:
        """Let the model's own environment share the live S-agent."""
        if isinstance(self.env, GCGenVecEnv):
            self.env.envs.core.chain = self.chain

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed every generator, that of the choices included; None draws a seed for that one."""
        super().set_random_seed(seed)
        self._generator = torch.Generator()
        self._generator.manual_seed(self._generator.seed() if seed is None else seed)

    def set_env(self, env: Any, force_reset: bool = True) -> None:
        """Train on another environment from now on.

        Args:
            env: An id, a `GCGenEnv` or a `GCGenVectorEnv`; its images, A, H and likelihood
                must be those of the S-agent.
            force_reset: Reset it before the next roll-out.

        Raises:
            ValueError: If the S-agent does not fit it.
        """
        config, num = find_config(env)
        options.check_gamma(config)
        adapter = make_vec_env(config, num or self.n_envs or 128, self.device)
        wanted = adapter.envs.core.chain
        check_saved(self.s_agent.to_saved(), config, wanted.likelihood, wanted.shape)
        self.n_envs = adapter.num_envs
        self.env_config = config
        super().set_env(adapter, force_reset)
        if self.seed is not None:
            adapter.seed((self.seed + self._n_updates) % 2**32)
        self._attach_chain()

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 10,
        tb_log_name: str = "GCGen",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
        max_minutes: float | None = None,
    ) -> GCGen:
        """Train both agents.

        Args:
            total_timesteps: Decisions to make, over all trajectories.
            callback: SB3 callbacks, called after every vector step of a roll-out.
            log_interval: Updates between two dumps of the logger; None for never.
            tb_log_name: Name of the TensorBoard run.
            reset_num_timesteps: Start counting anew; False continues, learning-rate schedule
                included.
            progress_bar: Show one.
            max_minutes: Stop after this much time, should it come first.

        Returns:
            The model.
        """
        if max_minutes is not None and not max_minutes > 0:
            raise ValueError(f"max_minutes must be positive, got {max_minutes}")
        if self.env is None:
            raise ValueError("no environment to train on: call set_env(...) or load(..., env=...)")
        begun = 0.0 if reset_num_timesteps or self.progress >= 1.0 else self.progress
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        first, start, update = self.num_timesteps, time.monotonic(), 0
        callback.on_training_start(locals(), globals())
        proceed = True
        while proceed and self.num_timesteps < total_timesteps:
            done = (self.num_timesteps - first) / max(total_timesteps - first, 1)
            if max_minutes is not None:
                done = max(done, (time.monotonic() - start) / (60 * max_minutes))
            if done >= 1.0:
                break
            self._set_progress(begun + (1.0 - begun) * done)
            callback.on_rollout_start()
            path = self.train()
            proceed = self._count_steps(callback, path)
            update += 1
            if log_interval and update % log_interval == 0:
                self._dump(path)
        if proceed:
            self._set_progress(1.0)
        callback.on_training_end()
        return self

    def train(self) -> Trajectories:
        """Roll out `n_envs` trajectories, one update for each `batch_size`; return the last.

        The GC-agent, if it learns, does so from roll-outs of its own: after `gc_interval` updates
        of the S-agent, or in their place if the S-agent is frozen.
        """
        self.policy.set_training_mode(True)
        learned = self.policy.selection.learned
        batches = self._sample_goals().split(self.batch_size)
        if self.train_s_agent:
            path = [self._update_s_agent(goals) for goals in batches][-1]
            due = (self._n_updates + len(batches)) // self.gc_interval
            due = due - self._n_updates // self.gc_interval if learned else 0
            for goals in batches[:due]:
                self._update_gc_agent(goals)
        else:
            update = self._update_gc_agent if learned else self._roll_out
            path = [update(goals) for goals in batches][-1]
        self._n_updates += len(batches)
        return path

    def _roll_out(self, goals: Tensor, selector: Selector | None = None) -> Trajectories:
        """Roll out one batch; imitation needs all proposals, a frozen S-agent's are pruned."""
        chain = self.s_agent.chain if self.train_s_agent else self.chain
        selector = selector or torch.no_grad()(GCAgent(self.policy, chain))
        dtype = options.find_dtype(self.precision, self.device)
        return rollout(chain, selector, goals, make_sampler(self._generator), dtype)

    def _update_s_agent(self, goals: Tensor) -> Trajectories:
        """Make one gradient step of the S-agent, and return the trajectories."""
        path = self._roll_out(goals)
        loss = s_agent_loss(path, self.auxiliary * (1 - self.progress))
        check_finite(loss, self._n_updates)
        self.optimizer.zero_grad(set_to_none=True)
        with self.s_agent.network.head.deferred_gradient():
            loss.backward()
        self.optimizer.step()
        return path

    def _update_gc_agent(self, goals: Tensor) -> Trajectories:
        """Make one gradient step of the GC-agent's learned terms, and return the trajectories."""
        kind = OBJECTIVES[self.gc_objective]
        chain = self.s_agent.chain if self.train_s_agent else self.chain
        network, paths = self.s_agent.network, math.gcd(len(goals), kind.paths)
        goals = goals[: len(goals) // paths].repeat_interleave(paths, 0)
        objective = kind(GCAgent(self.policy, chain), paths, self._generator)
        network.requires_grad_(False)
        try:
            path = self._roll_out(goals, objective)
        finally:
            self._require_gradients()
        loss = check_finite(objective.loss(path), self._n_updates)
        self.policy.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.policy.optimizer.step()
        return path

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
        save_model(self, path, with_optimizer="optimizer" not in (exclude or ()))

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
            env: To train further: an id or environment. None is enough to sample, encode,
                reconstruct, evaluate and predict.
            device: Where to put it.
            **kwargs: Constructor arguments to change, such as `tensorboard_log`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged, holds something else, or does not fit `env`.
        """
        return load_model(cls, path, env, device, kwargs)

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """Name the parts with a state, for `get_parameters` and `set_parameters`."""
        return ["policy", "policy.optimizer", "s_agent.network", "optimizer"], []

    def _sample_goals(self) -> Tensor:
        """Draw the goals of one update with the environment's generator."""
        assert isinstance(self.env, GCGenVecEnv)
        envs = self.env.envs
        _, goal = envs.core.goals.sample(envs.num_envs, envs.np_random)
        return torch.from_numpy(goal).to(self.device)

    def _set_progress(self, progress: float) -> None:
        """Note how far training is and set the learning rates."""
        self.progress = progress
        self._current_progress_remaining = 1.0 - progress
        factor = options.learning_rate_factor(self.lr_schedule_name, progress, self._n_updates)
        for optimizer, rate in (
            (self.optimizer, float(self.learning_rate)),  # type: ignore[arg-type]
            (self.policy.optimizer, self.gc_learning_rate),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def _count_steps(self, callback: Any, path: Trajectories) -> bool:
        """Tell the callbacks of each vector step of a roll-out; False asks to stop."""
        for left in reversed(range(path.action.shape[1])):
            self.num_timesteps += self.n_envs
            callback.update_locals({"path": path, "dones": np.full(self.n_envs, left == 0)})
            if not callback.on_step():
                return False
        callback.on_rollout_end()
        return True

    def _dump(self, path: Trajectories) -> None:
        """Write one row of the log."""
        record_time(self.logger, self.start_time, self.num_timesteps, self._num_timesteps_at_start)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/learning_rate", self.optimizer.param_groups[0]["lr"])
        record_update(self.logger, compute_bound(path), path, self.s_agent.network.num_proposals)
        if self._n_updates // SAMPLE_INTERVAL > self._last_grid // SAMPLE_INTERVAL:
            self._last_grid = self._n_updates
            record_samples(self.logger, self.s_agent)
        self.logger.dump(self.num_timesteps)
