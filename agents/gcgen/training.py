"""The training side of `GCGen`: roll-outs, and the updates of both agents."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback
from torch import Tensor

from agents.common.patience import PatientWriter, silent_writer_threads
from agents.gcgen.config import check_total_timesteps
from agents.gcgen.rollout import Trajectories
from agents.gcgen.schedule import Clock, Schedule
from agents.gcgen.training_log import record_round
from agents.gcgen.updates import StopTraining, Updates
from gcgen_env.allocator import keep_freed_memory


class TwoAgentTraining(Updates):
    """Draws rounds of goals, and updates S-agent and GC-agent until a limit is reached."""

    env: Any
    schedule: Schedule | None = None
    is_resumable: bool = False
    """Whether this is the first roll-out of a round: training can stop here, and go on exactly."""
    _round_goals: dict[str, Any] | None = None  # state of the goals' generator; None between rounds
    seed: int | None
    _uses_grey_goals: bool = False
    _setup_learn: Any
    last_trajectories: Trajectories | None = None  # of the last complete round, for the log

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 10,
        tb_log_name: str = "GCGen",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
        max_minutes: float | None = None,
    ) -> Self:
        """Train both agents.

        Freed memory is kept for the next update; see `gcgen_env.keep_freed_memory`.

        Args:
            total_timesteps: Decisions to make, over all trajectories.
            callback: SB3 callbacks, called during each roll-out, before its update. Training
                stops at once if one returns False.
            log_interval: Rounds of `n_envs` goals between two rows of the log; None disables it.
            tb_log_name: Name of the TensorBoard run.
            reset_num_timesteps: Start counting at 0; False continues, also the schedule.
            progress_bar: Show a progress bar.
            max_minutes: Stop after this time, if it comes first.

        Returns:
            The model.

        Raises:
            ValueError: If a limit is invalid, there is no environment, or training diverges.
        """
        total_timesteps = check_total_timesteps(total_timesteps)
        if max_minutes is not None and not 0 < max_minutes < math.inf:
            raise ValueError(f"max_minutes must be positive, got {max_minutes}")
        if self.env is None:
            raise ValueError("no environment to train on: call set_env(...) or load(..., env=...)")
        keep_freed_memory()
        begun = 0.0 if reset_num_timesteps or self.progress >= 1.0 else self.progress
        total_timesteps, callbacks = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        if begun == 0.0 or self.schedule is None or self.schedule.total != total_timesteps:
            self.schedule = Schedule(self.num_timesteps, total_timesteps, begun)
        callbacks.on_training_start(locals(), globals())  # SB3's callbacks expect both
        with silent_writer_threads():
            self.train_until(self.schedule, Clock(max_minutes, begun), callbacks, log_interval)
        callbacks.on_training_end()
        return self

    @property
    def goals_state(self) -> dict[str, Any] | None:
        """State of the generator of goals as the round began; None without an environment."""
        if self._round_goals is None and self.env is not None:
            return self.env.rng.bit_generator.state
        return self._round_goals

    def _begin_round(self) -> None:
        """Make the goals of an interrupted round come again."""
        if self._round_goals is not None:
            self.env.rng.bit_generator.state = self._round_goals
        self._round_goals = self.env.rng.bit_generator.state
        self.is_resumable = True

    def _next_seed(self) -> int | None:
        """Return the seed of further training, which does not repeat the goals so far."""
        return None if self.seed is None else (self.seed + self._n_updates) % 2**32

    def train_until(
        self, schedule: Schedule, clock: Clock, callback: BaseCallback, log_interval: int | None
    ) -> None:
        """Train until a limit is reached or a callback stops it.

        Args:
            schedule: Gives the progress by timesteps.
            clock: Gives the progress by time.
            callback: Its methods are called during each roll-out.
            log_interval: Rounds between two dumps of the logger; None disables logging.
        """
        rounds = 0
        record = PatientWriter(lambda: record_round(self, self.last_trajectories), "row of the log")

        def find_progress() -> float:
            done = max(schedule.progress(self.num_timesteps), clock.progress())
            return self.ranks.agree(done)  # clocks differ

        try:
            while (done := find_progress()) < 1.0:
                self._set_progress(done)
                self.last_trajectories = self.train_round(callback)
                rounds += 1
                if log_interval and rounds % log_interval == 0:
                    record()
            self._set_progress(1.0)
        except StopTraining:
            pass  # progress stays where it is, so that a resumed schedule continues

    def _set_progress(self, progress: float) -> None:
        """Store how far training is, in [0, 1], and set the learning rates."""
        self.progress = progress
        self._current_progress_remaining = 1.0 - progress  # SB3's name and direction
        factor = self.config.learning_rate_factor(progress, self._n_updates)
        for optimizer, rate in (
            (self.optimizer, self.config.learning_rate),
            (self.policy.optimizer, self.config.gc_learning_rate),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def train_round(self, callback: BaseCallback) -> Trajectories:
        """Draw `n_envs` goals, and make one roll-out and one update for each `batch_size`.

        If the GC-agent learns, it is updated on roll-outs of its own after every `gc_interval`
        updates of the S-agent, or on all if that is frozen; its goals are as in episodes.

        Returns:
            The last trajectories.

        Raises:
            StopTraining: If a callback returns False.
        """
        self.policy.set_training_mode(True)
        learned, config = self.policy.selection.learned, self.config
        self._begin_round()
        images = self.env.sample_images(self.config.augment)  # (n_envs, *S)
        batches = self._split(images if self._uses_grey_goals else self.env.make_goals(images))
        before = self._n_updates
        for batch in batches:
            if config.train_s_agent:
                trajectories = self.update_s_agent(batch, callback)
            elif learned:
                trajectories = self.update_gc_agent(batch, callback)
            else:
                trajectories = self.roll_out_only(batch, callback)
            self._n_updates += 1
            self.is_resumable = False
        if config.train_s_agent and learned:
            due = self._n_updates // config.gc_interval - before // config.gc_interval
            for batch in self._split(self.env.make_goals(images))[:due]:  # fresh goals and paths
                self.update_gc_agent(batch)  # no callback: these roll-outs are not counted
        self._round_goals = None
        return trajectories

    def _split(self, goals: NDArray[np.float32]) -> tuple[Tensor, ...]:
        """Split goals (n_envs, *S) into batches."""
        return torch.from_numpy(goals).to(self.device).split(self.config.batch_size)
