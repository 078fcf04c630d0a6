"""A and H that follow from the proposer or from the images."""

import gymnasium as gym
import numpy as np
import pytest

from agents import GCGen
from gcgen_env import EnvConfig, GCGenVectorEnv, default_kwargs
from gcgen_env.model.build import complete, open_data
from tests.gcgen_env.sample_proposers import OnlyPropose

IMAGES = "GCGen-Images-v0"


def draw(*shape):
    return np.random.default_rng(0).integers(0, 255, (30, *shape)).astype(np.uint8)


def find_sizes(**kwargs):
    config = EnvConfig(**{**default_kwargs(IMAGES), **kwargs})
    config = complete(config, open_data(config))
    return config.num_proposals, config.horizon


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((28, 28), (32, 10)),
        ((16, 16, 3), (32, 10)),
        ((29, 29), (512, 64)),
        ((32, 32, 3), (512, 64)),
        ((33, 33, 3), (512, 96)),
    ],
)
def test_images_have_what_suits_their_size(shape, sizes):
    assert find_sizes(dataset=draw(*shape)) == sizes
    env = gym.make(IMAGES, dataset=draw(*shape))
    config = env.unwrapped.config
    assert (env.action_space.n, config.horizon, env.spec.max_episode_steps) == (*sizes, sizes[1])
    assert gym.make(env.spec).action_space == env.action_space


def test_the_size_after_resizing_counts():
    assert find_sizes(dataset=draw(32, 32, 3), image_size=8) == (32, 10)


def test_what_is_given_stays():
    images = draw(32, 32, 3)
    assert find_sizes(dataset=images, num_proposals=7) == (7, 64)
    assert find_sizes(dataset=images, horizon=3) == (512, 3)
    assert find_sizes(dataset=images, horizon=3, rate=[1.0, 0.5, 0.25]) == (512, 3)


def test_many_proposals_need_a_basis():
    assert find_sizes(dataset=draw(32, 32, 3), likelihood="bernoulli") == (32, 10)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"rate": [1.0, 0.5]}, "a list of horizon=64 numbers, got 2"),
        ({"num_proposals": 5, "single_use": True}, "at least horizon=64 proposals, got"),
        ({"proposer": OnlyPropose(), "num_proposals": 1}, "num_proposals must be at least 2"),
    ],
)
def test_the_sizes_that_are_found_are_checked(kwargs, message):
    with pytest.raises(ValueError, match=message):
        gym.make(IMAGES, dataset=draw(32, 32, 3), **kwargs)


def test_a_model_and_its_file_as_proposer(tmp_path):
    images = draw(30, 30)
    small = {"dataset": images, "num_proposals": 5, "horizon": 3}
    sizes = {"width": 8, "depth": 1}
    model = GCGen("GCPolicy", IMAGES, env_kwargs=small, s_agent_kwargs=sizes, seed=0)
    file = model.s_agent.save(tmp_path / "s_agent.safetensors")
    for proposer in (str(file), model.s_agent):
        assert find_sizes(dataset=images, proposer=proposer) == (5, 3)
        envs = GCGenVectorEnv(
            2, **{**default_kwargs(IMAGES), "dataset": images, "proposer": proposer}
        )
        assert envs.single_action_space.n == 5
    by_size = GCGen("GCPolicy", IMAGES, env_kwargs={"dataset": images}, s_agent_kwargs=sizes)
    assert (by_size.s_agent.network.num_proposals, by_size.chain.horizon) == (512, 64)
    assert (by_size.env_config.num_proposals, by_size.env_config.horizon) == (512, 64)


def test_a_proposer_without_sizes_gets_those_of_the_images():
    class Sized(OnlyPropose):
        num_proposals, horizon = 6, 4

    assert find_sizes(dataset=draw(8, 8), proposer=Sized()) == (6, 4)
    assert find_sizes(dataset=draw(8, 8), proposer=OnlyPropose()) == (32, 10)
