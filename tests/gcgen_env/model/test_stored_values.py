"""Probabilities of stored images, against numerical integration and over all 256 bytes."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.model.stored_values import has_probabilities, log_probability

BYTES = torch.arange(256).view(256, 1, 1, 1) / 255


def find_log_mass(sigma, mean):
    """Return log P of all 256 bytes."""
    canvas = torch.full((256, 1, 1, 1), mean)
    return log_probability(Gaussian(3, sigma=sigma), canvas, BYTES)


@pytest.mark.parametrize("sigma", [1e-3, 0.01, 0.1, 2.0])
@pytest.mark.parametrize("mean", [-0.5, 0.0, 0.3, 0.5019, 1.0])
def test_all_bytes_together_have_probability_one(sigma, mean):
    total = find_log_mass(sigma, mean).exp().sum().item()
    assert total == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("sigma", [0.004, 0.05, 0.5])
@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
def test_a_byte_has_the_mass_of_its_cell(sigma, level):
    mean = 0.4 if sigma > 0.01 else min(max(level / 255 + 0.003, 0), 1)
    low = -20 * sigma if level == 0 else (level - 0.5) / 255
    high = 1 + 20 * sigma if level == 255 else (level + 0.5) / 255
    mean = float(np.float32(mean))

    def density(value):
        return math.exp(-0.5 * ((value - mean) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))

    mass, _ = quad(density, low, high, points=[min(max(mean, low), high)], epsabs=0, epsrel=1e-10)
    found = find_log_mass(sigma, mean)[level].exp().item()
    assert found == pytest.approx(mass, rel=1e-5)  # means are float32


def test_is_the_density_times_the_width_where_sigma_is_large():
    likelihood, canvas = Gaussian(3, sigma=0.1), torch.full((254, 1, 1, 1), 0.6)
    inner = BYTES[1:-1]  # not the ends
    found = log_probability(likelihood, canvas, inner)
    expected = likelihood.log_prob(canvas, inner).double() - math.log(255)
    torch.testing.assert_close(found, expected, atol=3e-3, rtol=0)


@pytest.mark.parametrize("sigma", [1e-4, 1e-3])
def test_far_bytes_have_finite_logarithms(sigma):
    found = find_log_mass(sigma, 0.5)
    assert found.isfinite().all() and found[0] < -1e4
    torch.testing.assert_close(found, found.flip(0))


def test_sums_over_the_values_of_an_image():
    rng = np.random.default_rng(0)
    goal = torch.from_numpy(rng.integers(0, 256, (5, 3, 2, 2)) / 255).float()
    canvas = torch.from_numpy(rng.random((5, 3, 2, 2))).float()
    likelihood = Gaussian(3, sigma=0.1)
    values = log_probability(likelihood, canvas.view(60, 1, 1, 1), goal.view(60, 1, 1, 1))
    torch.testing.assert_close(log_probability(likelihood, canvas, goal), values.view(5, 12).sum(1))


def test_binary_images_of_a_bernoulli_likelihood_have_its_own_probability():
    canvas, goal = torch.tensor([[[[0.3, -2.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
    found = log_probability(Bernoulli(3), canvas, goal)
    torch.testing.assert_close(found, Bernoulli(3).log_prob(canvas, goal))


class TestHasProbabilities:
    def test_of_bytes(self):
        assert has_probabilities(Gaussian(3), BYTES)
        assert not has_probabilities(Gaussian(3), BYTES + 0.001)

    def test_of_bits(self):
        assert has_probabilities(Bernoulli(3), torch.tensor([[[[0.0, 1.0]]]]))
        assert not has_probabilities(Bernoulli(3), BYTES)

    def test_not_of_points_nor_of_other_ranges(self):
        assert not has_probabilities(Gaussian(1, -1.0, 1.0), torch.zeros(4, 2))
        assert not has_probabilities(Gaussian(3, -1.0, 1.0), BYTES)
