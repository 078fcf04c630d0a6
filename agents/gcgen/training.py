"""The training side of `GCGen`: roll-outs, and the updates of both agents."""

from __future__ import annotations

import math
from typing import Any, Self

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback

from agents.common.patience import PatientWriter, silent_writer_threads
from agents.gcgen.config import check_total_timesteps
from agents.gcgen.rollout import Trajectories
from agents.gcgen.rounds import GoalRounds
from agents.gcgen.schedule import Clock, Schedule
from agents.gcgen.training_log import record_round
from agents.gcgen.updates import StopTraining, Updates
from gcgen_env.allocator import keep_freed_memory


class TwoAgentTraining(GoalRounds, Updates):
    """Draws rounds of goals, and updates S-agent and GC-agent until a limit is reached."""

    env: Any
    schedule: Schedule | None = None
    batch_reason: str | None = None
    """Why the batch has its size, if it was chosen for the machine."""
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
            (self.optimizer, self.pace.learning_rate),
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
        index = self.env.sample_index()
        images = self.env.take_images(index, config.augment)  # (n_envs, *S)
        batches = self._split(images if self._uses_grey_goals else self.env.make_goals(images))
        labels = self._split_labels(index, len(batches))
        before = self._n_updates
        for batch, label in zip(batches, labels, strict=True):
            if config.train_s_agent:
                trajectories = self.update_s_agent(batch, callback, label)
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
