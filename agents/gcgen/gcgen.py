"""`GCGen`: trains a GC-agent and an S-agent together, as a Stable-Baselines3 algorithm."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import get_device
from torch import Tensor

from agents.common.vec_env import GCGenVecEnv, find_config
from agents.gcgen.evaluation import NLLReport, choose_best, evaluate_bound, make_sampler
from agents.gcgen.files import load_model, save_model
from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.losses import compute_bound, gc_agent_loss, s_agent_loss
from agents.gcgen.policies import GCPolicy
from agents.gcgen.records import record_samples, record_update
from agents.gcgen.rollout import Path as Trajectories
from agents.gcgen.rollout import rollout
from agents.s_agent import SAgent
from gcgen_env.chain import Chain
from gcgen_env.config import EnvConfig
from gcgen_env.factory import make_chain, make_dataset
from gcgen_env.vector_env import GCGenVectorEnv

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SCHEDULES = ("cosine", "constant")


class GCGen(BaseAlgorithm):
    """Goal-conditioned generation (Vargas Vieyra and Ménard, 2023).

    Each update rolls out `n_envs` trajectories in the batched core: the S-agent proposes, the
    GC-agent selects. The S-agent then learns to imitate the selection and to reconstruct the
    goals through the chain; the GC-agent's learned score follows a KL-regularised policy
    gradient. One timestep is one decision of one trajectory.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"GCPolicy": GCPolicy}
    policy: GCPolicy
    s_agent: SAgent

    def __init__(
        self,
        policy: str | type[GCPolicy] = "GCPolicy",
        env: Any = None,
        learning_rate: float = 1e-3,
        n_envs: int = 128,
        s_agent: str | Path | SAgent | None = None,
        train_s_agent: bool = True,
        lr_schedule: str = "cosine",
        gc_learning_rate: float = 3e-4,
        exploration: float = 0.0,
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
            n_envs: Trajectories of one update, when `env` is not a vector environment.
            s_agent: None starts a fresh one; "pretrained", a saved file or an `SAgent` that.
            train_s_agent: False freezes the S-agent, and only the GC-agent learns.
            lr_schedule: "cosine" (to zero at the end of `learn`) or "constant".
            gc_learning_rate: Of the GC-agent's learned score and value.
            exploration: Share of random choices while training.
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
        _check_options(learning_rate, gc_learning_rate, lr_schedule, exploration, precision)
        self.train_s_agent = train_s_agent
        self.lr_schedule_name = lr_schedule
        self.gc_learning_rate = gc_learning_rate
        self.exploration = exploration
        self.precision = precision
        self.s_agent_kwargs = dict(s_agent_kwargs or {})
        self.progress = 0.0
        self._initial_s_agent = s_agent
        self.env_config: EnvConfig | None = None
        adapter = None
        if env is not None:
            self.env_config, num = find_config(env, env_kwargs)
            adapter = _make_vec_env(self.env_config, num or n_envs, get_device(device))
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
        self.s_agent = self._make_s_agent(self.env_config).to(self.device)
        self._finish_setup()

    def _finish_setup(self) -> None:
        """Build what follows from the S-agent and the spaces."""
        self.s_agent.network.requires_grad_(self.train_s_agent)
        if self.s_agent.network.config.uniform_prior:
            self.s_agent.network.prior_head.requires_grad_(False)
        self.policy = self.policy_class(  # type: ignore[assignment]
            self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs
        ).to(self.device)
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.Adam(
            self.s_agent.network.parameters(),
            lr=self.lr_schedule(1.0),
            betas=(0.9, 0.99),
            fused=fused,
        )
        self._generator = torch.Generator().manual_seed(
            int(torch.randint(2**62, ()).item()) if self.seed is None else self.seed
        )
        self._attach_chain()

    def _make_s_agent(self, config: EnvConfig) -> SAgent:
        """Return the S-agent to start from."""
        start = self._initial_s_agent
        if start is None:
            return SAgent.fresh(config, make_dataset(config, "train"), **self.s_agent_kwargs)
        if isinstance(start, SAgent):
            return start
        chain = make_chain(replace(config, proposer=start, nucleus=1.0), self.device)
        if not hasattr(chain.proposer, "encode"):
            raise ValueError(f"s_agent={str(start)!r} cannot be trained; pass a saved S-agent")
        return SAgent(chain.proposer, chain, {"dataset": str(config.dataset)})  # type: ignore[arg-type]

    def _attach_chain(self) -> None:
        """Let the model's own environment share the live S-agent."""
        if isinstance(self.env, GCGenVecEnv):
            self.env.envs.core.chain = self.chain

    @property
    def chain(self) -> Chain:
        """The S-agent's chain, pruned as the environment asks."""
        nucleus = 1.0 if self.env_config is None else self.env_config.nucleus
        return replace(self.s_agent.chain, nucleus=nucleus)

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
        adapter = _make_vec_env(config, num or self.n_envs or 128, self.device)
        wanted, own = adapter.envs.core.chain, self.s_agent
        if (wanted.shape, wanted.likelihood) != (own.chain.shape, own.likelihood) or (
            config.num_proposals,
            config.horizon,
        ) != (own.network.num_proposals, own.network.horizon):
            raise ValueError(
                f"the S-agent has images {own.chain.shape}, A={own.network.num_proposals}, "
                f"H={own.network.horizon} and {own.likelihood}; the environment has "
                f"{wanted.shape}, A={config.num_proposals}, H={config.horizon} and "
                f"{wanted.likelihood}"
            )
        self.n_envs = adapter.num_envs
        self.env_config = config
        super().set_env(adapter, force_reset)
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
        """Make one update from one batch of trajectories, and return them."""
        self.policy.set_training_mode(True)
        chain = self.s_agent.chain  # unpruned: imitation needs every proposal
        selector = GCAgent(self.policy, chain)
        with torch.set_grad_enabled(self.train_s_agent or self.policy.selection.learned):
            path = rollout(chain, selector, self._sample_goals(), self._choose, self._dtype())
        self.policy.optimizer.zero_grad(set_to_none=True)
        self.optimizer.zero_grad(set_to_none=True)
        losses = []
        if self.train_s_agent:
            losses.append(s_agent_loss(path))
        if self.policy.selection.learned:
            gc_loss = gc_agent_loss(path, selector.values(), math.sqrt(math.prod(chain.shape)))
            losses += [gc_loss.policy, gc_loss.value]
        if losses:
            with self.s_agent.network.head.deferred_gradient():
                torch.stack(losses).sum().backward()
            if self.train_s_agent:
                self.optimizer.step()
            self.policy.optimizer.step()
        self._n_updates += 1
        return path

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Select proposals with the GC-agent; masks are read from the observation.

        Args:
            observation: Of an environment in pixels mode, single or batched.
            state: Unused, returned as it is.
            episode_start: Unused.
            deterministic: Take the most probable proposal instead of drawing one.

        Returns:
            Actions, and `state`.
        """
        return self.policy.predict(observation, state, episode_start, deterministic)

    def sample(
        self,
        num: int,
        seed: int | None = None,
        draw: str = "mean",
        return_trajectory: bool = False,
    ) -> NDArray[np.float32]:
        """Generate images with the S-agent alone; see `SAgent.sample`."""
        return self._pruned().sample(num, seed, draw, return_trajectory)

    def encode(self, images: Any) -> NDArray[np.int64]:
        """Return the codes of images: the GC-agent's most probable choices, deterministic.

        Args:
            images: Goals, shape (B, *S), within the bounds of the data.

        Returns:
            Codes, shape (B, H), int64.
        """
        return self._encode(images).action.cpu().numpy()

    def decode(self, codes: Any, return_trajectory: bool = False) -> NDArray[np.float32]:
        """Return the images that codes, or prefixes of codes, stand for; see `SAgent.decode`."""
        return self.s_agent.decode(codes, return_trajectory)

    def reconstruct(self, images: Any) -> NDArray[np.float32]:
        """Return what the agents make of images (B, *S) as goals: decode(encode(images))."""
        return self.decode(self.encode(images))

    def evaluate_nll(self, images: Any, num_paths: int = 1, seed: int | None = 0) -> NLLReport:
        """Bound the negative log-likelihood of images.

        Args:
            images: Shape (N, *S). With a Bernoulli likelihood grey levels are binarised by
                `seed`, unless the environment keeps them (`binarize=False`).
            num_paths: M; 1 gives -ELBO, more IW-M.
            seed: Of the binarisation and the paths.
        """
        goals = self._check_images(images)
        config = self.env_config
        if self.s_agent.likelihood.name == "bernoulli" and (config is None or config.binarize):
            draws = np.random.default_rng(seed).random(goals.shape, dtype=np.float32)
            goals = (torch.from_numpy(draws) < goals.cpu()).float().to(self.device)
        self.policy.set_training_mode(False)
        chain = self.chain
        return evaluate_bound(chain, lambda: GCAgent(self.policy, chain), goals, num_paths, seed)

    def save(
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

    def _choose(self, log_q: Tensor) -> Tensor:
        """Draw actions from q, some of them at random if exploring."""
        actions = make_sampler(self._generator)(log_q)
        if self.exploration == 0.0:
            return actions
        noise = torch.rand(2, len(log_q), generator=self._generator)
        anything = (noise[0] * log_q.shape[1]).long().to(actions.device)
        return torch.where((noise[1] < self.exploration).to(actions.device), anything, actions)

    def _dtype(self) -> torch.dtype:
        """Return the precision in which proposals are scored."""
        if self.precision != "auto":
            return PRECISIONS[self.precision]
        return torch.bfloat16 if _is_bfloat16_fast(self.device) else torch.float32

    def _set_progress(self, progress: float) -> None:
        """Note how far training is and set the learning rates."""
        self.progress = progress
        self._current_progress_remaining = 1.0 - progress
        factor = 1.0
        if self.lr_schedule_name == "cosine":
            factor = 0.5 * (1.0 + math.cos(math.pi * progress))
        warm = min(1.0, (self._n_updates + 1) / 100)
        for optimizer, rate in (
            (self.optimizer, float(self.learning_rate)),  # type: ignore[arg-type]
            (self.policy.optimizer, self.gc_learning_rate),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor * warm

    def _count_steps(self, callback: Any, path: Trajectories) -> bool:
        """Tell the callbacks of each vector step of a roll-out; False asks to stop."""
        for _ in range(path.action.shape[1]):
            self.num_timesteps += self.n_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
        callback.on_rollout_end()
        return True

    def _dump(self, path: Trajectories) -> None:
        """Write one row of the log."""
        elapsed = max((time.time_ns() - self.start_time) / 1e9, 1e-9)
        fps = int((self.num_timesteps - self._num_timesteps_at_start) / elapsed)
        self.logger.record("time/fps", fps)
        self.logger.record("time/time_elapsed", int(elapsed))
        self.logger.record("time/total_timesteps", self.num_timesteps)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/learning_rate", self.optimizer.param_groups[0]["lr"])
        record_update(self.logger, compute_bound(path), path, self.s_agent.network.num_proposals)
        record_samples(self.logger, self.s_agent, self._n_updates)
        self.logger.dump(self.num_timesteps)

    def _encode(self, images: Any) -> Trajectories:
        """Roll out the most probable choices."""
        self.policy.set_training_mode(False)
        goals, chain = self._check_images(images), self.chain
        with torch.no_grad():
            paths = [
                rollout(chain, GCAgent(self.policy, chain), batch, choose_best)
                for batch in goals.split(256)
            ]
        return Trajectories(*(torch.cat(part) for part in zip(*paths, strict=True)))

    def _check_images(self, images: Any) -> Tensor:
        """Return images (B, *S) as float32 on the device, or raise."""
        array, likelihood = np.asarray(images, dtype=np.float32), self.s_agent.likelihood
        if array.shape[1:] != self.s_agent.chain.shape or not len(array):
            raise ValueError(
                f"images must have shape (B, {str(self.s_agent.chain.shape)[1:]} with B >= 1, "
                f"got {array.shape}"
            )
        low, high = likelihood.low, likelihood.high
        if not np.isfinite(array).all() or array.min() < low or array.max() > high:
            raise ValueError(f"images must be finite and within [{low:g}, {high:g}]")
        return torch.from_numpy(array).to(self.device)

    def _pruned(self) -> SAgent:
        """Return the S-agent with the environment's pruning."""
        return replace(self.s_agent, chain=self.chain)


def _make_vec_env(config: EnvConfig, num: int, device: torch.device) -> GCGenVecEnv:
    """Build the batched environment of a model; its proposer is put in later."""
    options = {**vars(config), "obs_mode": "pixels", "proposer": "dictionary"}
    options["device"] = str(device)
    return GCGenVecEnv(GCGenVectorEnv(num, autoreset_mode="SameStep", **options))


def _is_bfloat16_fast(device: torch.device) -> bool:
    """Return whether matrix products in bfloat16 beat float32 on a device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    has = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(has())


def _check_options(
    learning_rate: Any, gc_learning_rate: Any, lr_schedule: str, exploration: Any, precision: str
) -> None:
    """Raise a ValueError that names the first option out of range."""
    for name, rate in (("learning_rate", learning_rate), ("gc_learning_rate", gc_learning_rate)):
        if callable(rate):
            raise ValueError(
                f"{name} must be a number: a callable cannot be saved without pickle; use "
                "lr_schedule='cosine' or 'constant'"
            )
        if not rate >= 0:
            raise ValueError(f"{name} must not be negative, got {rate}")
    if lr_schedule not in SCHEDULES:
        raise ValueError(f"lr_schedule must be one of {', '.join(SCHEDULES)}; got {lr_schedule!r}")
    if not 0 <= exploration < 1:
        raise ValueError(f"exploration must lie in [0, 1), got {exploration}")
    if precision not in (*PRECISIONS, "auto"):
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}")
