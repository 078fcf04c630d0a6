"""A and H that follow from the proposer, the S-agent to start from, or the images."""

import gymnasium as gym
import numpy as np
import pytest

from agents import GCGen
from gcgen_env import EnvConfig, default_kwargs
from gcgen_env.model.build import OWN, open_data
from gcgen_env.model.open_sizes import fill_sizes
from tests.gcgen_env.sample_proposers import OnlyPropose

IMAGES = "GCGen-Images-v0"
SMALL = {"width": 8, "depth": 1}


def draw(*shape, num=60):
    return np.random.default_rng(0).integers(0, 255, (num, *shape)).astype(np.uint8)


def find_sizes(start=OWN, basis=None, **kwargs):
    config = EnvConfig(**{**default_kwargs(IMAGES), **kwargs})
    return fill_sizes(config, open_data(config), start, basis).sizes


def find_sizes_of(model):
    config, network = model.env_config, model.s_agent.network
    assert config.sizes == (network.num_proposals, network.horizon)
    return config.sizes


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
def test_a_new_s_agent_has_what_suits_the_images(shape, sizes):
    assert find_sizes(None, dataset=draw(*shape, num=800)) == sizes
    assert find_sizes(dataset=draw(*shape, num=800)) == (32, 10)  # the dictionary


def test_the_size_after_resizing_counts():
    assert find_sizes(None, dataset=draw(32, 32, 3), image_size=8) == (32, 10)


def test_what_is_given_stays():
    images = draw(32, 32, 3, num=800)
    assert find_sizes(None, dataset=images, num_proposals=7) == (7, 64)
    assert find_sizes(None, dataset=images, horizon=3) == (512, 3)
    assert find_sizes(None, dataset=images, rate=[1.0, 0.5, 0.25]) == (512, 3)


def test_many_proposals_need_a_basis():
    images = draw(32, 32, 3, num=800)
    assert find_sizes(None, dataset=images, likelihood="bernoulli") == (32, 10)
    assert find_sizes(None, 0, dataset=images) == (32, 10)
    assert find_sizes(None, 5, dataset=draw(8, 8)) == (32, 10)
    assert find_sizes(None, 5, dataset=images) == (512, 64)


def test_there_are_not_more_proposals_than_training_images():
    assert find_sizes(None, dataset=draw(32, 32, 3)) == (42, 64)


def test_an_environment_and_its_specification():
    env = gym.make(IMAGES, dataset=draw(32, 32, 3))
    assert (env.action_space.n, env.spec.max_episode_steps) == (32, 10)
    assert gym.make(env.spec).action_space == env.action_space


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"rate": "x"}, "a list of them, got 'x'"),
        ({"rate": [1.0, 0.5], "horizon": 3}, "a list of horizon=3 numbers, got 2"),
        ({"num_proposals": 5, "single_use": True}, "at least horizon=10 proposals, got"),
    ],
)
def test_wrong_sizes_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        gym.make(IMAGES, dataset=draw(32, 32, 3), **kwargs)


def test_the_sizes_of_a_proposer():
    class Sized(OnlyPropose):
        num_proposals, horizon = 6, 4

    assert find_sizes(dataset=draw(8, 8), proposer=Sized()) == (6, 4)
    assert find_sizes(dataset=draw(8, 8), proposer=OnlyPropose()) == (32, 10)


def test_the_sizes_of_a_saved_s_agent(tmp_path):
    images = draw(30, 30)
    task = {"dataset": images, "num_proposals": 5, "horizon": 3}
    model = GCGen("GCPolicy", IMAGES, env_kwargs=task, s_agent_kwargs=SMALL, seed=0)
    file = model.s_agent.save(tmp_path / "s_agent.safetensors")
    for agent in (str(file), model.s_agent):
        assert find_sizes(dataset=images, proposer=agent) == (5, 3)
        envs = gym.make_vec(IMAGES, num_envs=2, dataset=images, proposer=agent)
        assert envs.single_action_space.n == 5
        copy = GCGen("GCPolicy", IMAGES, env_kwargs={"dataset": images}, s_agent=agent)
        assert find_sizes_of(copy) == (5, 3)
    model.set_env(EnvConfig(**{**default_kwargs(IMAGES), "dataset": images}))
    assert find_sizes_of(model) == (5, 3)
    model.save(tmp_path / "model.gcgen")
    open_task = EnvConfig(**{**default_kwargs(IMAGES), "dataset": images})
    assert find_sizes_of(GCGen.load(tmp_path / "model.gcgen", env=open_task)) == (5, 3)


def test_a_new_model():
    images = {"dataset": draw(30, 30)}
    model = GCGen("GCPolicy", IMAGES, env_kwargs=images, s_agent_kwargs=SMALL)
    assert find_sizes_of(model) == (42, 64)
    in_pixels = GCGen("GCPolicy", IMAGES, env_kwargs=images, s_agent_kwargs={**SMALL, "basis": 0})
    assert find_sizes_of(in_pixels) == (32, 10)
