"""PPO in a single file, in the form of CleanRL.

Gymnasium's wrapper flattens the observations to vectors. The action mask is a slice of the
vector, and the policy samples only valid actions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium import spaces
from torch import Tensor, nn
from torch.distributions import Categorical


@dataclass
class Args:
    """Options, named as CleanRL names them."""

    env_id: str = "gcgen_env:GCGen-Digits-v0"
    """Id of the environment, with the module that registers it."""
    total_timesteps: int = 50_000
    """Number of steps to train for."""
    learning_rate: float = 1e-3
    """Initial learning rate of Adam; it falls linearly to zero."""
    num_envs: int = 8
    """Number of parallel environments."""
    num_steps: int = 64
    """Number of steps of each environment between two updates."""
    gamma: float = 1.0
    """Discount; the environment's rewards assume 1."""
    gae_lambda: float = 0.95
    """Lambda of generalised advantage estimation."""
    num_minibatches: int = 4
    """Number of minibatches of each epoch."""
    update_epochs: int = 4
    """Number of epochs of each update."""
    clip_coef: float = 0.2
    """Clip range of the surrogate objective."""
    ent_coef: float = 0.0
    """Weight of the entropy bonus."""
    vf_coef: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """Maximum norm of the gradient; larger ones are clipped."""
    nucleus: float = 0.9
    """Prior mass of the valid proposals, in (0, 1]."""
    seed: int = 0
    """Seed of the run."""


def make_env(args: Args, index: int) -> gym.Env:
    """Make one environment with flat observations and episode statistics."""
    env = gym.make(args.env_id, nucleus=args.nucleus)
    env = gym.wrappers.RecordEpisodeStatistics(gym.wrappers.FlattenObservation(env))
    env.action_space.seed(args.seed + index)
    return env


def find_mask(space: spaces.Dict) -> slice:
    """Return the slice of a flattened observation that holds the action mask."""
    first = 0
    for key, entry in space.items():
        size = spaces.flatdim(entry)
        if key == "action_mask":
            return slice(first, first + size)
        first += size
    raise ValueError("the observation has no action_mask")


class Agent(nn.Module):
    """Policy and value networks with two hidden layers each."""

    def __init__(self, inputs: int, actions: int, mask: slice) -> None:
        """Make the networks."""
        super().__init__()
        self.mask = mask
        self.critic = self._perceptron(inputs, 1, std=1.0)
        self.actor = self._perceptron(inputs, actions, std=0.01)

    @staticmethod
    def _perceptron(inputs: int, outputs: int, std: float) -> nn.Sequential:
        """Make a perceptron with orthogonal initial weights."""
        layers = [nn.Linear(inputs, 64), nn.Linear(64, 64), nn.Linear(64, outputs)]
        for layer, gain in zip(layers, (2**0.5, 2**0.5, std), strict=True):
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)
        return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])

    def act(self, obs: Tensor, action: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return actions, log-probabilities, entropies and values, each of shape (N,)."""
        valid = obs[:, self.mask] > 0.5
        chosen = Categorical(logits=self.actor(obs).masked_fill(~valid, -1e8))
        action = chosen.sample() if action is None else action
        return action, chosen.log_prob(action), chosen.entropy(), self.critic(obs).squeeze(1)


def main(args: Args) -> float:
    """Train, and return the mean return of the last 100 episodes, in nats."""
    np.random.seed(args.seed)  # noqa: NPY002  in the form of CleanRL
    torch.manual_seed(args.seed)
    envs = gym.vector.SyncVectorEnv(
        [partial(make_env, args, index) for index in range(args.num_envs)],
        autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
    )
    inner = envs.envs[0].unwrapped.observation_space
    assert isinstance(inner, spaces.Dict)
    assert isinstance(envs.single_action_space, spaces.Discrete)
    inputs = spaces.flatdim(envs.single_observation_space)
    agent = Agent(inputs, int(envs.single_action_space.n), find_mask(inner))
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)

    shape = args.num_steps, args.num_envs
    obs = torch.zeros(*shape, inputs)
    actions = torch.zeros(shape, dtype=torch.int64)
    logprobs, rewards, dones, values = (torch.zeros(shape) for _ in range(4))
    returns: list[float] = []
    start, updates = time.time(), max(args.total_timesteps // (args.num_steps * args.num_envs), 1)
    first, _ = envs.reset(seed=args.seed)
    next_obs, next_done = torch.as_tensor(first), torch.zeros(args.num_envs)

    for update in range(updates):
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1 - update / updates)
        for step in range(args.num_steps):
            obs[step], dones[step] = next_obs, next_done
            with torch.no_grad():
                actions[step], logprobs[step], _, values[step] = agent.act(next_obs)
            seen, reward, terminated, truncated, infos = envs.step(actions[step].numpy())
            rewards[step] = torch.as_tensor(reward)
            next_obs = torch.as_tensor(seen)
            next_done = torch.as_tensor(terminated | truncated).float()
            if "final_info" in infos:
                returns += infos["final_info"]["episode"]["r"][infos["_final_info"]].tolist()
        with torch.no_grad():
            next_value = agent.act(next_obs)[3]
        advantages = estimate_advantages(args, rewards, values, dones, next_value, next_done)
        batch = [t.flatten(0, 1) for t in (obs, actions, logprobs, advantages, values)]
        for _ in range(args.update_epochs):
            for rows in torch.randperm(len(batch[0])).chunk(args.num_minibatches):
                loss = compute_loss(args, agent, *(t[rows] for t in batch))
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
                optimizer.step()
        if (update + 1) % max(updates // 10, 1) == 0:
            done = (update + 1) * args.num_steps * args.num_envs
            speed = done / (time.time() - start)
            print(f"{done:,} steps, return {np.mean(returns[-100:]):.1f} nats, {speed:.0f} steps/s")
    envs.close()
    return float(np.mean(returns[-100:]))


def estimate_advantages(
    args: Args, rewards: Tensor, values: Tensor, dones: Tensor, value: Tensor, done: Tensor
) -> Tensor:
    """Compute generalised advantages (Schulman et al., 2016), shape (steps, environments)."""
    advantages, last = torch.zeros_like(rewards), torch.zeros_like(value)
    for step in reversed(range(args.num_steps)):
        not_done = 1.0 - done
        delta = rewards[step] + args.gamma * value * not_done - values[step]
        advantages[step] = last = delta + args.gamma * args.gae_lambda * not_done * last
        value, done = values[step], dones[step]
    return advantages


def compute_loss(
    args: Args,
    agent: Agent,
    obs: Tensor,
    action: Tensor,
    logprob: Tensor,
    advantage: Tensor,
    value: Tensor,
) -> Tensor:
    """Return the PPO loss (Schulman et al., 2017) of one minibatch."""
    _, new_logprob, entropy, new_value = agent.act(obs, action)
    ratio = (new_logprob - logprob).exp()
    scaled = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    clipped = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
    policy = -torch.min(scaled * ratio, scaled * clipped).mean()
    fit = 0.5 * (new_value - (advantage + value)).square().mean()
    return policy + args.vf_coef * fit - args.ent_coef * entropy.mean()


if __name__ == "__main__":
    main(tyro.cli(Args))
