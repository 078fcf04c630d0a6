"""How a model uses environments: their goals and data, and those that `get_env` builds."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from PIL import Image

from agents import GCGen
from gcgen_env import GCGenVectorEnv
from gcgen_env.datasets import load
from tests.agents.conftest import DIGITS, make_env, make_envs, make_model, make_vec_env

H = 8


@pytest.mark.parametrize(
    ("make", "n_envs"),
    [
        (lambda: DIGITS, 3),
        (make_env, 3),
        (lambda: make_env().unwrapped, 3),
        (lambda: make_env(obs_mode="compact"), 3),
        (lambda: make_envs(5), 5),
        (lambda: make_envs(5, "NextStep"), 5),
        (lambda: make_vec_env(5), 5),
    ],
    ids=["id", "gym.make", "GCGenEnv", "compact", "vector", "NextStep", "adapter"],
)
def test_every_form_of_environment_trains(make, n_envs):
    model = make_model(updates=1, n_envs=3, env=make())
    assert model.n_envs == model.env.num_envs == n_envs
    assert model.num_timesteps >= 3 * H


def test_a_wrapped_environment_is_refused():
    with pytest.raises(ValueError, match="a wrapper of type FlattenObservation; pass"):
        GCGen("GCPolicy", gym.wrappers.FlattenObservation(make_env()))


@pytest.fixture
def no_environments(monkeypatch):
    """Let every construction of a vector environment fail."""

    def fail(*args, **kwargs):
        raise AssertionError("a vector environment was built")

    monkeypatch.setattr(GCGenVectorEnv, "__init__", fail)


def test_an_environment_is_built_by_get_env_alone(no_environments, digits, tmp_path):
    model = make_model(updates=2)
    model.sample(2)
    model.reconstruct(digits)
    model.evaluate_nll(digits)
    model.save(tmp_path / "model")
    loaded = GCGen.load(tmp_path / "model", env=DIGITS)
    loaded.learn(16 * H, reset_num_timesteps=False)
    loaded.set_env(DIGITS)
    for each in (model, loaded):
        with pytest.raises(AssertionError, match="a vector environment was built"):
            each.get_env()


@pytest.mark.parametrize("make", [make_env, make_envs, make_vec_env])
def test_the_environment_passed_in_stays_unchanged(make):
    env = make()
    inner = getattr(env, "envs", env).unwrapped
    env.reset()
    parts = [inner.episodes.chain, inner.episodes.chain.proposer, inner.episodes.cache]
    state = inner.np_random.bit_generator.state
    arrays = [inner.episodes.goal.copy(), inner.episodes.step_index.copy()]
    model = make_model(updates=2, env=env)
    model.set_random_seed(5)
    model.get_env().reset()
    kept = [inner.episodes.chain, inner.episodes.chain.proposer, inner.episodes.cache]
    assert all(one is other for one, other in zip(parts, kept, strict=True))
    assert inner.np_random.bit_generator.state == state
    np.testing.assert_array_equal(inner.episodes.goal, arrays[0])
    np.testing.assert_array_equal(inner.episodes.step_index, arrays[1])


def test_set_env_changes_what_is_trained_on():
    model = make_model(updates=1)
    model.set_env(make_envs(4, split="validation", nucleus=0.9))
    assert (model.n_envs, model.env_config.split, model.chain.nucleus) == (4, "validation", 0.9)
    assert model.env.goals.dataset.name == "digits" and len(model.env.goals.dataset) < 400
    model.learn(4 * H)
    assert model.num_timesteps == 4 * H
    live = model.get_env()
    assert live.num_envs == 4 and live.envs.config.split == "validation"
    assert live.envs.episodes.chain.proposer is model.s_agent.network


def test_live_proposals_are_those_of_the_s_agent_after_more_training():
    model = make_model(learning_rate=1e-2)
    env = model.get_env()
    assert model.get_env() is env
    shown = []
    for _ in range(2):
        env.seed(0)
        proposals = env.reset()["proposals"]
        own = model.decode(np.arange(16)[:, None])  # the images of all states after x_0
        for each in proposals:
            np.testing.assert_allclose(each, own, atol=1e-6)
        shown.append(proposals)
        model.learn(2 * 16 * H)
    assert (shown[0] != shown[1]).any()


def test_live_environments_can_be_stepped():
    model = make_model(updates=2, n_envs=4, env_kwargs={"nucleus": 0.9, "obs_mode": "compact"})
    env = model.get_env()
    assert env.num_envs == 4 and env.observation_space == model.observation_space
    env.seed(0)
    obs = env.reset()
    for h in range(H):
        action, _ = model.predict(obs, deterministic=True)
        goals = obs["desired_goal"]
        obs, reward, done, infos = env.step(action)
        assert np.isfinite(reward).all() and done.all() == (h == H - 1)
        assert not any(info["invalid_action"] for info in infos)
    images = np.stack([info["terminal_observation"]["observation"] for info in infos])
    np.testing.assert_allclose(model.reconstruct(goals), images, atol=1e-4)


def test_live_environments_leave_the_weights_trainable():
    model = make_model()
    model.get_env().reset()
    assert all(p.requires_grad for p in model.s_agent.network.parameters())
    before = model.s_agent.network.head.bias.clone()
    model.learn(2 * 16 * H)  # SOAP's first update only measures
    assert not torch.equal(model.s_agent.network.head.bias, before)


def test_a_model_without_an_environment_builds_one_from_its_configuration(model_file):
    loaded = GCGen.load(model_file)
    assert loaded.env is None
    proposals = loaded.get_env().reset()["proposals"]
    np.testing.assert_allclose(proposals[0], loaded.decode(np.arange(16)[:, None]), atol=1e-6)


@pytest.fixture
def folder(tmp_path):
    """A folder of 40 grey images of 6 x 6 pixels."""
    images = np.random.default_rng(0).integers(256, size=(40, 6, 6), dtype=np.uint8)
    (tmp_path / "images").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / "images" / f"{i:02}.png")
    return tmp_path / "images"


@pytest.fixture
def reads(monkeypatch):
    """The folders that are read, in order."""
    found, read = [], load.read_image_folder

    def record(path, *rest):
        found.append(path)
        return read(path, *rest)

    monkeypatch.setattr(load, "read_image_folder", record)
    return found


FOLDER_OPTIONS = {"horizon": 3, "num_proposals": 4}


def make_folder_model(folder, **kwargs):
    options = {"dataset": folder, **FOLDER_OPTIONS}
    return make_model(env="GCGen-Images-v0", env_kwargs=options, **kwargs)


def test_a_folder_is_read_once_for_each_model(folder, reads):
    model = make_folder_model(folder, updates=2)
    test = model.load_split("test")
    assert len(test) == 8
    assert np.isfinite(model.evaluate_nll(test.take(np.arange(8))).nll)
    model.load_split("validation")
    model.learn(16 * 3)
    assert reads == [folder]


def test_a_loaded_model_reads_its_folder_once(folder, reads, tmp_path):
    make_folder_model(folder).save(tmp_path / "model")
    reads.clear()
    loaded = GCGen.load(tmp_path / "model")
    assert reads == []  # the file holds all that sampling needs
    assert np.isfinite(loaded.sample(2, seed=0)).all()
    assert len(loaded.load_split("test")) == 8 and len(loaded.load_split("train")) == 28
    assert [str(path) for path in reads] == [str(folder)]


def test_live_environments_share_the_data(folder, reads):
    model = make_folder_model(folder, updates=1)
    assert model.get_env().reset()["proposals"].shape == (16, 4, 1, 6, 6)
    assert reads == [folder]


def test_an_environment_shares_its_data(folder, reads):
    env = gym.make("GCGen-Images-v0", dataset=folder, proposer="dictionary", **FOLDER_OPTIONS)
    model = make_model(updates=1, env=env)
    model.load_split("test")
    assert reads == [folder]
    assert model.load_split("train") is env.unwrapped.episodes.data.split("train")
