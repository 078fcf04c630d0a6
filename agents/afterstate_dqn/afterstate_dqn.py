"""`AfterstateDQN`: off-policy learning of the values of next images."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor

from agents.afterstate_dqn.policies import AfterstatePolicy
from agents.common.calling_algorithm import find_config
from agents.common.decision import Decision
from agents.common.masking import MASK, sample_valid
from agents.maskable_dqn import MaskableDQN
from gcgen_env.allocator import keep_freed_memory


class AfterstateDQN(MaskableDQN):
    """DQN of after-state values (Sutton and Barto, 2018, section 6.8), for the potential reward.

    The observation shows the next image of every proposal, so the value of a proposal is its
    exact reward plus V of its next image. Only V is learned, from stored states alone:

        V(x, h, g) <- r_b + gamma V'(m(x'_b), h + 1, g),    b = argmax_a Q_a(x, h, g)

    where the target network V' evaluates what the online network selects (Double DQN: van
    Hasselt et al., 2016). Stored actions and rewards are not used, so a state teaches the same
    whatever was chosen in it. With `policy_kwargs={"n_critics": 2}` the smaller of two values
    counts (clipped double Q-learning: Fujimoto et al., 2018).

    V sees the image alone. Where a canvas has left the bounds of images, or an episode has used
    up proposals, states with the same image share one V, their average.

        >>> from agents import AfterstateDQN, GoalReplayBuffer, make_vec_env
        >>> env = make_vec_env("GCGen-DigitsAtoms16-v0", n_envs=64)  # doctest: +SKIP
        >>> model = AfterstateDQN(
        ...     "AfterstatePolicy", env, replay_buffer_class=GoalReplayBuffer
        ... )  # doctest: +SKIP
    """

    q_net: Any  # an AfterstateQNetwork
    q_net_target: Any
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"AfterstatePolicy": AfterstatePolicy}

    def __init__(
        self, *args: Any, gamma: float = 1.0, double_q: bool = True, **kwargs: Any
    ) -> None:
        """Build the model.

        Args:
            *args: Policy, environment and further arguments of SB3's `DQN`.
            gamma: Discount, that of the environment's shaping reward.
            double_q: Let the online network select what the target network evaluates; False lets
                the target network do both.
            **kwargs: Keywords of SB3's `DQN`.

        Raises:
            ValueError: If the reward of the environment is not the potential reward, or it has
                another discount.
        """
        self.double_q = double_q
        super().__init__(*args, gamma=gamma, **kwargs)  # type: ignore[misc]

    def _setup_model(self) -> None:
        """Check the reward, pass horizon and discount to the policy, then build."""
        config = find_config(self.env)
        horizon = {} if config is None else {"horizon": config.horizon}
        if config is not None:
            _check_reward(config, self.gamma)
        self.policy_kwargs = {**self.policy_kwargs, **horizon, "gamma": self.gamma}
        if "horizon" not in self.policy_kwargs:
            raise ValueError(
                "the environment does not tell its horizon: pass policy_kwargs={'horizon': H}"
            )
        super()._setup_model()

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the actions to take and to store; each environment explores by itself."""
        rng, observation = self.action_space.np_random, self._last_obs
        rate = 1.0 if self.num_timesteps < learning_starts else self.exploration_rate
        explored = sample_valid(observation[MASK], rng)  # (N,)
        if rate == 1:
            return explored, explored
        action, _ = self.policy.predict(observation, deterministic=True)
        action = np.where(rng.random(n_envs) < rate, explored, action)
        return action, action

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Make gradient steps on states from the replay buffer."""
        keep_freed_memory()
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = [self._update(batch_size) for _ in range(gradient_steps)]
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", np.mean(losses))

    def _update(self, batch_size: int) -> float:
        """Make one gradient step and return its loss."""
        assert self.replay_buffer is not None  # `_setup_model` has made it
        sample = self.replay_buffer.sample(batch_size, self._vec_normalize_env)
        decision = self.q_net.read(sample.observations)
        values = self.q_net.evaluate_states(decision)  # (n_critics, B)
        target = self.compute_target(decision).expand_as(values)
        loss = F.smooth_l1_loss(values / self.q_net.unit, target / self.q_net.unit)
        self.policy.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def compute_target(self, decision: Decision) -> Tensor:
        """Return what V of states should be, shape (B,), in units of the reward."""
        values = self.q_net_target.evaluate(decision)  # (B, A)
        selecting = self.q_net.evaluate(decision) if self.double_q else values
        return values.gather(1, selecting.argmax(1, keepdim=True)).squeeze(1)


def _check_reward(config: Any, gamma: float) -> None:
    """Raise a ValueError unless the rewards can be computed from observations."""
    if config.reward_type != "potential":
        raise ValueError(
            "AfterstateDQN computes the potential reward from observations, and the environment "
            f"has reward_type={config.reward_type!r}: use MaskableDQN"
        )
    if config.gamma != gamma:
        raise ValueError(
            f"AfterstateDQN has gamma={gamma:g} and the environment's reward {config.gamma:g}: "
            "pass the same to both"
        )
