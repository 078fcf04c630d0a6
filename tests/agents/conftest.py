"""Environments and models that several tests share."""

from pathlib import Path

import gymnasium as gym
import pytest

import gcgen_env  # noqa: F401  registers the ids
from agents import GCGen
from agents.common.vec_env import GCGenVecEnv

DIGITS = "GCGen-Digits-v0"


def make_env(**kwargs) -> gym.Env:
    """Make the Digits environment with a proposer that needs no file."""
    return gym.make(DIGITS, **{"proposer": "dictionary", **kwargs})


def make_envs(num_envs: int = 4, mode: str = "SameStep", **kwargs) -> gym.vector.VectorEnv:
    """Make the Digits vector environment with a proposer that needs no file."""
    options = {"proposer": "dictionary", "autoreset_mode": mode, **kwargs}
    return gym.make_vec(DIGITS, num_envs=num_envs, **options)


def make_vec_env(num_envs: int = 4, **kwargs) -> GCGenVecEnv:
    """Make the same as SB3 wants it."""
    return GCGenVecEnv(make_envs(num_envs, **kwargs))


def make_model(
    updates: int = 0, n_envs: int = 16, env=DIGITS, policy="GCPolicy", **kwargs
) -> GCGen:
    """Make a small model, trained for some updates; both agents learn in each of them."""
    small = {"s_agent_kwargs": {"width": 32, "depth": 1}, "gc_interval": 1}
    options = {"seed": 0, "n_envs": n_envs, "policy_kwargs": {}, **small, **kwargs}
    if isinstance(options["policy_kwargs"], dict):  # some tests give something else
        options["policy_kwargs"] = {"learned": True, **options["policy_kwargs"]}
    model = GCGen(policy, env, **options)
    horizon = model.s_agent.network.horizon
    return model.learn(updates * n_envs * horizon) if updates else model


@pytest.fixture(scope="session")
def model() -> GCGen:
    """A model after a few updates; not to be changed."""
    return make_model(updates=5)


@pytest.fixture(scope="session")
def model_file(model: GCGen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that model is saved."""
    path = tmp_path_factory.mktemp("model") / "model.gcgen"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def s_agent_file(model: GCGen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where its S-agent is saved."""
    return model.s_agent.save(tmp_path_factory.mktemp("s_agent") / "s_agent.safetensors")


@pytest.fixture(scope="session")
def digits(model: GCGen):
    """The first 40 grey test images, (40, 1, 8, 8)."""
    return model.load_split("test").take(range(40))
