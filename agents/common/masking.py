"""What value-based agents need to respect masks, beside SB3's own classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from torch import Tensor, nn

from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.common.memory import check_fits
from agents.common.proposal_policy import ProposalFeaturesExtractor, find_likelihood
from agents.common.scorer import ProposalScorer, Situation, score_proposals
from agents.common.selection import INVALID_LOGIT
from gcgen_env.model.likelihoods import Likelihood

MASK = "action_mask"


def mask_values(values: Tensor, observation: Mapping[str, Tensor]) -> Tensor:
    """Set the values of invalid actions so low that no maximum finds them.

    Args:
        values: Shape (B, ..., A).
        observation: Has a mask, shape (B, A).
    """
    invalid = observation[MASK] < 0.5
    between = [1] * (values.ndim - invalid.ndim)
    return values.masked_fill(invalid.view(len(invalid), *between, -1), INVALID_LOGIT)


def sample_valid(mask: Any, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw valid actions uniformly.

    Args:
        mask: Shape (A,) or (N, A).
        rng: Makes the draws.

    Returns:
        Actions, shape () or (N,); 0 where none is valid.
    """
    valid = np.asarray(mask) > 0
    return np.asarray(np.where(valid, rng.random(valid.shape), -1.0).argmax(-1))


class MaskedExplorationMixin:
    """Explores among valid actions; put it before `DQN` or `QRDQN` in the bases of a class.

    The networks of the policies beside it give invalid actions the value `INVALID_LOGIT`, so
    that greedy actions and the targets' maxima are over valid ones.
    """

    # What the SB3 class beside this one provides.
    action_space: Any
    buffer_size: int
    observation_space: spaces.Space[Any]
    replay_buffer_class: type[ReplayBuffer] | None
    exploration_rate: float
    num_timesteps: int
    policy: Any
    _last_obs: Any

    def _setup_model(self) -> None:
        """Check that there is a mask to read and room for what is stored, then build."""
        space = self.observation_space
        if not isinstance(space, spaces.Dict) or MASK not in space.keys():
            raise ValueError(
                f'{type(self).__name__} reads masks from the observation: it needs a key "{MASK}", '
                "as all GCGen environments have"
            )
        if not issubclass(self.replay_buffer_class or ReplayBuffer, GoalReplayBuffer):
            check_fits(self.buffer_size, space, copies=2)
        super()._setup_model()  # type: ignore[misc]

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the actions of one step of a roll-out, twice: to take and to store."""
        if self.num_timesteps < learning_starts:
            action = sample_valid(self._last_obs[MASK], self.action_space.np_random)
        else:
            action, _ = self.predict(self._last_obs)
        return action, action

    def predict(
        self,
        observation: Mapping[str, NDArray[Any]],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
        action_masks: NDArray[Any] | None = None,
    ) -> tuple[NDArray[np.int64], Any]:
        """Select valid actions, epsilon-greedy unless `deterministic`; see SB3's `DQN`.

        Contrib's evaluation passes `action_masks`, shape (N, A); they take the place of the
        observation's own.
        """
        if action_masks is not None:
            masks = np.asarray(action_masks).reshape(observation[MASK].shape)
            observation = {**observation, MASK: masks.astype(observation[MASK].dtype)}
        if not deterministic and self.action_space.np_random.random() < self.exploration_rate:
            return sample_valid(observation[MASK], self.action_space.np_random), state
        return self.policy.predict(observation, state, episode_start, deterministic)


class ProposalValues(nn.Module):
    """Values of proposals with weights that belong to no index.

        Q_a(x, h, g) = V(x, h, g) + f_h [Phi(x'_a, g) - Phi(x, g)] + s_a(x, h, g)

    with s_a = <k(x, h, g), m(x'_a) - m(x)> / sqrt(D). A fresh one has V = 0, k = 0, f = 1: the
    value of a task that ends after this step.
    """

    def __init__(self, extractor: ProposalFeaturesExtractor, width: int, outputs: int) -> None:
        """Make the layers.

        Args:
            extractor: Packs the observations.
            width: Hidden units.
            outputs: Values of V: 1, or the number of quantiles.
        """
        super().__init__()
        self._unpack = extractor.unpack
        self.scorer = ProposalScorer(extractor.values, width=width)
        self.scorer.reset_direction()
        self.state_value = nn.Linear(width, outputs)
        nn.init.zeros_(self.state_value.weight)
        nn.init.zeros_(self.state_value.bias)
        self.unit = extractor.values**0.5  # nats for each unit of V

    def forward(self, features: Tensor) -> Tensor:
        """Return values, shape (B, outputs, A), of packed observations (B, features)."""
        parts = self._unpack(features)
        latent = self.scorer.embed(Situation(parts.image, parts.goal, parts.progress))
        factor = self.scorer.temperature_factor(parts.progress)
        advantage = factor * parts.gain
        advantage = advantage + score_proposals(
            self.scorer.point(latent), parts.proposals, parts.image
        )
        return self.unit * self.state_value(latent).unsqueeze(2) + advantage.unsqueeze(1)


class ProposalValuePolicyMixin:
    """Makes a value-based policy read proposals; put it before SB3's policy in the bases."""

    def __init__(
        self,
        observation_space: spaces.Dict,
        *args: Any,
        width: int = 128,
        likelihood: Likelihood | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the policy.

        Args:
            observation_space: Of an environment with `obs_mode="pixels"`.
            *args: Action space and learning rate, as SB3 passes them.
            width: Hidden units.
            likelihood: Measures the look-ahead; None reads it from the observation space.
            **kwargs: Of SB3's policy.

        Raises:
            ValueError: If the observations show no proposals.
        """
        self.width = width
        likelihood = likelihood or find_likelihood(observation_space)
        kwargs["features_extractor_class"] = ProposalFeaturesExtractor
        kwargs["features_extractor_kwargs"] = {"likelihood": likelihood}
        super().__init__(observation_space, *args, **kwargs)  # type: ignore[call-arg]

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """Return what `load` passes to the constructor."""
        data = super()._get_constructor_parameters()  # type: ignore[misc]
        data.pop("features_extractor_class")
        likelihood = data.pop("features_extractor_kwargs")["likelihood"]
        return {**data, "width": self.width, "likelihood": likelihood}
