"""The fitted sigma: the best on images that were not trained on, and that of the environments."""

import io
import math

import gymnasium as gym
import numpy as np
import pytest
import torch

from agents import GCGen
from agents.gcgen.noise_scale import fit_sigma
from gcgen_env.model.likelihoods import Gaussian
from gcgen_env.model.stored_values import log_probability

SHAPE = (3, 4, 4)


def draw_images(num, seed=0):
    """Draw bytes (N, height, width, C): a gradient of random strength, and noise."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(-1, 1, 4)[None, :, None, None] * rng.normal(size=(num, 1, 1, 1))
    noise = 0.02 * rng.normal(size=(num, 4, 4, 3))
    return np.rint((0.5 + 0.2 * ramp + noise).clip(0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    kwargs = {"dataset": draw_images(400), "num_proposals": 8, "horizon": 4}
    trained = GCGen("GCPolicy", "GCGen-Images-v0", env_kwargs=kwargs, seed=0, device="cpu")
    return trained.learn(8_192)


@pytest.mark.parametrize("sigma", [0.03, 0.4])
def test_is_the_root_mean_square_of_the_differences_of_points(sigma):
    rng = np.random.default_rng(0)
    mean = rng.uniform(-0.5, 0.5, (2_000, 2)).astype(np.float32)
    goal = torch.from_numpy(mean + sigma * rng.standard_normal(mean.shape)).float()
    found = fit_sigma(Gaussian(1, -1.0, 1.0, 0.1), mean[:256], goal[:256])
    expected = math.sqrt((goal[:256] - torch.from_numpy(mean[:256])).square().mean())
    assert found == pytest.approx(expected, rel=2e-3)


def test_minimises_the_code_length(model):
    images = model.load_split("validation").take(np.arange(40))
    mean = model.reconstruct(images)
    goal, canvas = torch.from_numpy(images), torch.from_numpy(mean)
    found = fit_sigma(Gaussian(3), mean, goal)
    factors = np.linspace(0.7, 1.4, 15)
    lengths = [
        -log_probability(Gaussian(3, sigma=factor * found), canvas, goal).mean().item()
        for factor in factors
    ]
    assert factors[np.argmin(lengths)] == pytest.approx(1, abs=0.03)
    assert 0.01 < found < 0.1


def test_black_images_do_not_make_it_large():
    """The cell of a black pixel is endless: with a large sigma it has half of all the mass."""
    mean = np.full((4, *SHAPE), 0.05, np.float32)
    assert fit_sigma(Gaussian(3), mean, torch.zeros(4, *SHAPE)) <= 0.15


def test_exact_reconstructions_have_the_smallest(model):
    mean = model.load_split("validation").take(np.arange(4))
    assert fit_sigma(Gaussian(3), mean, torch.from_numpy(mean)) == pytest.approx(1e-3, rel=0.1)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_an_impossible_sigma_is_refused(model, sigma):
    with pytest.raises(ValueError, match="sigma must"):
        model.set_sigma(sigma)


def test_is_saved_with_the_model(model):
    images = model.load_split("validation").take(np.arange(40))
    before = model.evaluate_nll(images).bits_per_dim
    fitted = model.fit_sigma(images)
    after = model.evaluate_nll(images).bits_per_dim
    assert after <= before and model.s_agent.likelihood.sigma == fitted
    again = load(model)
    assert again.s_agent.likelihood.sigma == fitted
    assert again.evaluate_nll(images).bits_per_dim == pytest.approx(after)


def test_environments_take_it_from_the_s_agent(model):
    fitted = model.fit_sigma(model.load_split("validation").take(np.arange(40)))
    assert model.get_env().envs.episodes.chain.likelihood.sigma == fitted
    sizes = {"dataset": draw_images(60), "num_proposals": 8, "horizon": 4}
    env = gym.make("GCGen-Images-v0", **sizes, proposer=model.s_agent)
    assert env.unwrapped.episodes.chain.likelihood.sigma == fitted
    plain = gym.make("GCGen-Images-v0", **sizes)
    assert plain.unwrapped.episodes.chain.likelihood.sigma == 0.1
    with pytest.raises(ValueError, match=r"likelihood Gaussian.*sigma=0.0.*sigma=0.25"):
        gym.make("GCGen-Images-v0", **sizes, proposer=model.s_agent, sigma=0.25)


def test_training_goes_on_with_it(model):
    again = load(model)
    again.set_env(gym.make("GCGen-Images-v0", **vars(model.env_config)))
    again.learn(2_048, reset_num_timesteps=False)
    assert again.s_agent.likelihood.sigma == model.s_agent.likelihood.sigma


@pytest.mark.parametrize("kwargs", [{"sigma": 0.2}, {"likelihood": "bernoulli"}])
def test_a_sigma_that_is_fixed_or_absent_cannot_be_fitted(kwargs):
    kwargs = {"dataset": draw_images(30), "num_proposals": 4, "horizon": 2, **kwargs}
    model = GCGen("GCPolicy", "GCGen-Images-v0", env_kwargs=kwargs, device="cpu")
    with pytest.raises(ValueError, match="there is no sigma to fit: it needs"):
        model.fit_sigma(np.zeros((2, *SHAPE), np.float32))


def load(model):
    """Return a model that was saved and loaded."""
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    return GCGen.load(file, device="cpu")
