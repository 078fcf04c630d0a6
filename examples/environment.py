"""Play one episode with random actions and write a picture of what the agent sees."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import tyro

import gcgen_env  # noqa: F401  registers the ids
from gcgen_env.viewer import save_png


def main(
    env_id: str = "GCGen-Digits-v0",
    proposer: str = "pretrained",
    seed: int = 0,
    out: Path = Path("runs/examples/environment.png"),
) -> float:
    """Play one episode and write a picture of its last decision.

    Args:
        env_id: Id of an environment.
        proposer: "pretrained", the file of an S-agent, or "dictionary" (no training).
        seed: Seed of the environment and the actions.
        out: File of the picture.

    Returns:
        The return in nats: log p(goal | last state) - log p(goal | initial state).
    """
    env = gym.make(env_id, proposer=proposer, render_mode="rgb_array")
    obs, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    total, done = 0.0, False
    while not done:
        action = env.action_space.sample(mask=obs["action_mask"])  # a valid proposal
        obs, reward, terminated, truncated, info = env.step(action)
        total += float(reward)
        done = terminated or truncated
    picture = env.render()
    assert picture is not None
    save_png(picture, out)  # type: ignore[arg-type]
    env.close()
    print(f"return {total:.1f} nats, distance {info['distance']:.3f}, picture {out}")
    return total


if __name__ == "__main__":
    tyro.cli(main)
