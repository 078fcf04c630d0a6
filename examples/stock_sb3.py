"""Train stock PPO and MaskablePPO with the policies of this library."""

from __future__ import annotations

import gymnasium as gym
import tyro
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm

import gcgen_env  # noqa: F401  registers the ids
from agents import GCPolicy, MaskableGCPolicy


def main(timesteps: int = 4096, n_steps: int = 512, proposer: str = "pretrained") -> list[float]:
    """Train both algorithms on Digits and play one episode with each.

    Args:
        timesteps: Number of steps to train for.
        n_steps: Number of steps between two updates.
        proposer: "pretrained", the file of an S-agent, or "dictionary" (no training).

    Returns:
        The return of each algorithm, in nats.
    """
    # Valid: the smallest set of proposals that holds 90 % of the prior mass.
    env = gym.make("GCGen-Digits-v0", proposer=proposer, nucleus=0.9)
    options = {"n_steps": n_steps, "batch_size": 64, "gamma": 1.0, "ent_coef": 0.0, "seed": 0}
    models: list[BaseAlgorithm] = [
        PPO(GCPolicy, env, **options),  # type: ignore[arg-type]
        MaskablePPO(MaskableGCPolicy, env, **options),  # type: ignore[arg-type]
    ]
    returns = [play(model.learn(timesteps), env) for model in models]
    for model, total in zip(models, returns, strict=True):
        print(f"{type(model).__name__}: return {total:.1f} nats")
    return returns


def play(model: BaseAlgorithm, env: gym.Env) -> float:
    """Play one episode and return its return; the policies read the mask from the observation."""
    obs, _ = env.reset(seed=1)
    total, done = 0.0, False
    while not done:
        action, _ = model.predict(obs, deterministic=True)
        obs, reward, terminated, truncated, _ = env.step(action)
        total += float(reward)
        done = terminated or truncated
    return total


if __name__ == "__main__":
    tyro.cli(main)
