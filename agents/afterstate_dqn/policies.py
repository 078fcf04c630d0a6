"""The policy of after-state values: Q of a proposal is its reward plus V of its next image."""

from __future__ import annotations

import math
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.dqn.policies import MultiInputPolicy, QNetwork
from torch import Tensor, nn

from agents.common.decision import INVALID_LOGIT, Decision, read_observation
from agents.common.state_features import measure_gap, measure_potential
from agents.common.state_values import StateValues
from agents.common.value_policy import ProposalValuePolicyMixin
from gcgen_env.config import check_count


class AfterstateQNetwork(QNetwork):
    """Computes Q of all proposals from V of their next images.

        Q_a(x, h, g) = r_a + gamma V(m(x'_a), h + 1, g)
        r_a = reward_scale [gamma Phi(x'_a, g) - Phi(x, g)]
        V(x, h, g) = reward_scale [f_h gap(x, g) + sqrt(D) c(x, h, g)],    V(., H, g) = 0
        gap(x, g) = Phi(g, g) - Phi(x, g)

    r_a and the gap are computed from the observation. Learned are c, a perceptron, and f_h, the
    share of the gap that will be closed: a piecewise linear function of h / H. Both start at 0.
    Of several critics the smallest V counts (Fujimoto et al., 2018).
    """

    def __init__(
        self, *args: Any, width: int, horizon: int, gamma: float, n_critics: int, **kwargs: Any
    ) -> None:
        """Replace SB3's perceptron by `n_critics` networks `StateValues`."""
        super().__init__(*args, **{**kwargs, "net_arch": []})  # its layers are replaced below
        extractor: Any = self.features_extractor  # a ProposalFeaturesExtractor
        self.likelihood = extractor.likelihood
        self.horizon, self.gamma = horizon, gamma
        critics = [StateValues(extractor.values, width) for _ in range(n_critics)]
        self.q_net = nn.ModuleList(critics)  # type: ignore[assignment]
        self.scale: float = extractor.reward_scale  # reward of one nat
        self.unit = self.scale * math.sqrt(extractor.values)  # reward of one unit of the networks

    def read(self, obs: dict[str, Tensor]) -> Decision:
        """Read observations; the online and the target network can share the result."""
        return read_observation(self.likelihood, obs)

    def forward(self, obs: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Return Q, shape (B, A), in units of the reward; `INVALID_LOGIT` where invalid."""
        return self.evaluate(self.read(obs))

    def evaluate(self, decision: Decision) -> Tensor:
        """Return Q, shape (B, A), as `forward`."""
        image, goal = decision.image, decision.goal
        phi = measure_potential(self.likelihood, image, goal)  # (B, 1)
        phi_next = phi + decision.gain  # (B, A)
        gap = measure_gap(self.likelihood, image, goal) - decision.gain  # (B, A)
        following = decision.progress + 1 / self.horizon  # (h + 1) / H, (B, 1)
        values = self._compute_values(decision.proposals, gap, goal, following)
        rewards = self.scale * (self.gamma * phi_next - phi)
        invalid = decision.log_prior <= INVALID_LOGIT  # (B, A)
        return (rewards + self.gamma * values.amin(0)).masked_fill(invalid, INVALID_LOGIT)

    def evaluate_states(self, decision: Decision) -> Tensor:
        """Return V of the states themselves by every critic, shape (n_critics, B)."""
        image, goal = decision.image, decision.goal
        gap = measure_gap(self.likelihood, image, goal)  # (B, 1)
        return self._compute_values(image.unsqueeze(1), gap, goal, decision.progress).squeeze(2)

    def _compute_values(
        self, images: Tensor, gap: Tensor, goal: Tensor, progress: Tensor
    ) -> Tensor:
        """Return V of N images for each goal by every critic, shape (n_critics, B, N)."""
        values = torch.stack([critic(images, gap, goal, progress) for critic in self.q_net])
        goes_on = progress < 1 - 0.5 / self.horizon  # (B, 1); h / H is rounded
        return self.scale * values * goes_on


class AfterstatePolicy(ProposalValuePolicyMixin, MultiInputPolicy):
    """Selects the proposal with the largest Q; a fresh policy is greedy look-ahead."""

    def __init__(
        self,
        observation_space: spaces.Dict,
        *args: Any,
        horizon: int,
        gamma: float = 1.0,
        n_critics: int = 1,
        **kwargs: Any,
    ) -> None:
        """Build the policy.

        Args:
            observation_space: Of an environment with `obs_mode="pixels"`.
            *args: Action space and learning rate, as SB3 passes them.
            horizon: H; `AfterstateDQN` reads it from the environment.
            gamma: Discount; `AfterstateDQN` passes its own.
            n_critics: Networks V of which the smallest value counts, 1 or more.
            **kwargs: Keywords of `ProposalValuePolicyMixin`, such as `width`.

        Raises:
            ValueError: If the observations show no proposals, or a number is out of range.
        """
        check_count("horizon", horizon, 1, "an episode has at least one step")
        check_count("n_critics", n_critics, 1, "a value needs a network")
        self._own_kwargs: dict[str, Any] = {
            "horizon": horizon,
            "gamma": gamma,
            "n_critics": n_critics,
        }
        super().__init__(observation_space, *args, **kwargs)

    def make_q_net(self) -> QNetwork:
        """Make the networks V and what turns them into Q."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return AfterstateQNetwork(**arguments, width=self.width, **self._own_kwargs)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """Return what `load` passes to the constructor."""
        return {**super()._get_constructor_parameters(), **self._own_kwargs}
