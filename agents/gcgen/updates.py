"""The updates of both agents: a roll-out for each goal, then gradient steps."""

from __future__ import annotations

import math

import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from agents.distributed.ranks import ALONE, Alone
from agents.gcgen.config import GCGenConfig
from agents.gcgen.generative_model import GenerativeModel
from agents.gcgen.losses import check_finite, s_agent_loss
from agents.gcgen.objective_choice import find_objective
from agents.gcgen.pace import Pace, choose_pace
from agents.gcgen.precision import find_dtype
from agents.gcgen.rollout import GCAgent, StepRecord, Trajectories, rollout
from agents.gcgen.step_locals import make_locals
from gcgen_env.model.chain import Chain
from gcgen_env.model.sampling import Share, make_sampler


class StopTraining(Exception):
    """Raised when a callback returns False; a callback may raise it itself."""


class Updates(GenerativeModel):
    """Rolls out trajectories and updates S-agent and GC-agent."""

    config: GCGenConfig
    ranks: Alone = ALONE
    """The processes that share each update; this one alone, unless they are set."""
    optimizer: torch.optim.Optimizer
    progress: float = 0.0  # share of the training that is done, in [0, 1]
    num_timesteps: int
    _n_updates: int
    _scored_values: tuple[Tensor, Tensor] | None = None  # None: all of them
    _generator: torch.Generator
    _share: Share  # of the last roll-out that was counted

    @property
    def pace(self) -> Pace:
        """Learning rate, decay and minibatches of the S-agent's gradient steps."""
        return choose_pace(self.config, self.s_agent)

    def update_s_agent(
        self, goals: Tensor, callback: BaseCallback | None = None, label: Tensor | None = None
    ) -> Trajectories:
        """Roll out one trajectory for each goal (B, *S), and make gradient steps of the S-agent.

        Each of several processes rolls out a part of them, and returns its own trajectories.
        `label`, shape (B,), holds the classes of the goals for a conditional S-agent.
        """
        share = self.ranks.share(len(goals))
        goals = goals[share.rows]
        label = None if label is None else label[share.rows]
        trajectories = self._roll_out(goals, self._fixed_agent(), share, callback, label)
        auxiliary = self.config.auxiliary * (1 - self.progress)
        num = min(self.pace.minibatches, share.num)
        for i in range(num):
            own = share.every(num, i)
            part = Trajectories(*(column[own.rows] for column in trajectories))
            classes = None if label is None else label[own.rows]
            chain, seen = self._enter(self.s_agent.chain.given(classes), goals[own.rows])
            loss = s_agent_loss(chain, part, seen, auxiliary)
            total = self.ranks.differentiate(loss, own, self.optimizer)
            check_finite(total, self._n_updates)  # raises before the weights change
            self.optimizer.step()
        return trajectories

    def update_gc_agent(self, goals: Tensor, callback: BaseCallback | None = None) -> Trajectories:
        """Roll out B trajectories and make a gradient step of the GC-agent's learned terms.

        Each of several processes rolls out a part of them, if the objective is a mean over them.
        """
        kind = find_objective(self.config.gc_objective)
        paths = math.gcd(len(goals), kind.paths)  # K must divide B
        goals = goals[: len(goals) // paths].repeat_interleave(paths, 0)  # (B, *S), K adjacent
        objective = kind(self.policy, self._training_chain, paths, self._generator)
        can_share = kind.is_mean and len(goals) // paths >= self.ranks.size
        num = len(goals)
        share = self.ranks.share(num, paths) if can_share else self.ranks.repeat(num)
        trajectories = self._roll_out(goals[share.rows], objective, share, callback)
        for _ in range(kind.updates):
            loss = objective.loss(trajectories)
            check_finite(
                self.ranks.differentiate(loss, share, self.policy.optimizer), self._n_updates
            )
            self.policy.optimizer.step()
        return trajectories

    @property
    def _training_chain(self) -> Chain:
        """The chain of roll-outs: imitation needs all proposals, a frozen S-agent is pruned."""
        return self.s_agent.chain if self.config.train_s_agent else self.chain

    def _fixed_agent(self) -> GCAgent:
        """Return the GC-agent without gradient."""
        return torch.no_grad()(self.policy.make_selection().__call__)

    def roll_out_only(self, goals: Tensor, callback: BaseCallback) -> Trajectories:
        """Roll out one trajectory for each goal (B, *S), and change nothing."""
        share = self.ranks.share(len(goals))
        return self._roll_out(goals[share.rows], self._fixed_agent(), share, callback)

    def _roll_out(
        self,
        goals: Tensor,
        agent: GCAgent,
        share: Share,
        callback: BaseCallback | None,
        label: Tensor | None = None,
    ) -> Trajectories:
        """Roll out one trajectory for each goal; call the callback's methods while it happens.

        The goals, and their labels, are the share of this process.
        """
        dtype = find_dtype(self.config.precision, self.device)
        chain, goals = self._enter(self._training_chain.given(label), goals)
        part = self._scored_values[self._n_updates % 2] if self._scored_values else None
        choose = make_sampler(self._generator, share)
        if callback is None:
            return rollout(chain, agent, goals, choose, dtype, part)

        def on_step(record: StepRecord) -> None:
            self.num_timesteps += share.num  # before `on_step`, as in SB3
            callback.update_locals(make_locals(record, chain.horizon))
            if not callback.on_step():
                raise StopTraining

        self._share = share
        callback.on_rollout_start()
        trajectories = rollout(chain, agent, goals, choose, dtype, part, on_step)
        callback.update_locals({"trajectories": trajectories})  # for `BoundProgressBar`
        callback.on_rollout_end()
        return trajectories
