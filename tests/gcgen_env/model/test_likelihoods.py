"""The likelihoods: hand numbers, torch against float64 NumPy, one image against many."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gcgen_env.model.likelihoods import (
    LARGEST_SIGMA,
    LOGIT_CLIP,
    MEAN_CLIP,
    SMALLEST_SIGMA,
    Bernoulli,
    Gaussian,
    make_likelihood,
)

SHAPE = (1, 5, 7)
BERNOULLI = Bernoulli(3)
GAUSSIAN = Gaussian(3, sigma=0.2)
LIKELIHOODS = pytest.mark.parametrize("likelihood", [BERNOULLI, GAUSSIAN], ids=lambda x: x.name)

images = arrays(np.float32, (1, *SHAPE), elements=st.floats(0, 1, width=32))


def row(*values):
    return np.array([values], dtype=np.float32)


def draw(rng, num):
    """Return images and binary goals, (num, *SHAPE) each."""
    images = rng.random((num, *SHAPE), dtype=np.float32)
    return images, (rng.random((num, *SHAPE)) < 0.5).astype(np.float32)


def test_bernoulli_by_hand():
    likelihood = Bernoulli(1)
    expected = math.log(0.25) + math.log(0.5) + math.log(0.1)
    phi = likelihood.potential(row(0.25, 0.5, 0.9), row(1, 0, 0))
    assert phi.dtype == np.float64 and phi.shape == (1,)
    np.testing.assert_allclose(phi, expected, rtol=1e-6)
    logits = torch.tensor([[-math.log(3), 0.0, math.log(9)]])
    np.testing.assert_allclose(
        likelihood.log_prob(logits, torch.tensor([1.0, 0, 0])), [expected], rtol=1e-6
    )


def test_gaussian_by_hand():
    likelihood = Gaussian(1, sigma=0.1)
    # z = 1 and -2; the constant is log(0.1) + log(2 pi) / 2 = -1.3836466 for each value
    expected = -0.5 - 2.0 + 2 * 1.3836466
    phi = likelihood.potential(row(0.5, 0.5), row(0.6, 0.3))
    assert phi.dtype == np.float64 and phi.shape == (1,)
    np.testing.assert_allclose(phi, expected, rtol=1e-5)
    canvas, goal = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.6, 0.3]])
    np.testing.assert_allclose(likelihood.log_prob(canvas, goal), [expected], rtol=1e-5)


def test_bernoulli_means_are_clipped_everywhere():
    likelihood = Bernoulli(1)
    mean = likelihood.mean(torch.tensor([-100.0, 100.0]))
    np.testing.assert_allclose(mean, [1e-5, 1 - 1e-5], rtol=1e-7)
    assert LOGIT_CLIP == pytest.approx(11.512915)
    wrong = pytest.approx(math.log(1e-5), abs=1e-6)
    assert likelihood.potential(row(0.0), row(1.0))[0] == wrong
    assert likelihood.potential(row(1.0), row(0.0))[0] == wrong
    assert likelihood.log_prob(torch.tensor([-100.0]), torch.ones(1)) == wrong
    assert likelihood.log_prob(torch.tensor([100.0]), torch.zeros(1)) == wrong


def test_gaussian_means_are_clamped_everywhere():
    likelihood = Gaussian(1, low=-1, high=1, sigma=0.5)
    canvas, goal = torch.tensor([[-3.0, 3.0]]), torch.tensor([[-1.0, 0.0]])
    inside = torch.tensor([[-1.0, 1.0]])
    assert torch.equal(likelihood.mean(canvas), inside)
    assert torch.equal(likelihood.log_prob(canvas, goal), likelihood.log_prob(inside, goal))
    np.testing.assert_array_equal(
        likelihood.potential(canvas.numpy(), goal.numpy()),
        likelihood.potential(inside.numpy(), goal.numpy()),
    )


@LIKELIHOODS
@pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 6, 5), (1, 28, 28)], ids=str)
def test_canvas_and_image_give_the_same_likelihood(likelihood, shape):
    likelihood = make_likelihood(likelihood.name, len(shape), sigma=0.2)
    generator = torch.Generator().manual_seed(0)
    canvas = torch.randn(64, *shape, generator=generator)
    goal = (torch.rand(64, *shape, generator=generator) < 0.5).float()
    log_prob = likelihood.log_prob(canvas, goal)
    phi = likelihood.potential(likelihood.mean(canvas).numpy(), goal.numpy())
    np.testing.assert_allclose(log_prob, phi, rtol=1e-5)


def test_saturated_canvas_and_image_agree_to_the_precision_of_float32():
    # Near 1 float32 images are 6e-8 apart, so that 1 - 1e-5 holds 1e-5 to three digits.
    canvas = torch.tensor([-50.0, -LOGIT_CLIP, LOGIT_CLIP, 50.0])[:, None]
    for goal in (torch.zeros(4, 1), torch.ones(4, 1)):
        phi = Bernoulli(1).potential(Bernoulli(1).mean(canvas).numpy(), goal.numpy())
        np.testing.assert_allclose(Bernoulli(1).log_prob(canvas, goal), phi, atol=3e-3)


def test_log_prob_broadcasts_goals_over_proposals():
    canvas = torch.randn(4, 6, *SHAPE, generator=torch.Generator().manual_seed(0))
    goal = torch.rand(4, 1, *SHAPE, generator=torch.Generator().manual_seed(1))
    together = BERNOULLI.log_prob(canvas, goal)
    assert together.shape == (4, 6)
    for b, a in itertools.product(range(4), range(6)):
        alone = BERNOULLI.log_prob(canvas[b, a], goal[b, 0])
        np.testing.assert_allclose(together[b, a], alone, rtol=1e-6)


@LIKELIHOODS
@pytest.mark.parametrize("values", [1, 2, 5, 6, 7, 13, 784])
@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
def test_measuring_gives_mean_and_log_prob_in_place(likelihood, values, scale):
    generator = torch.Generator().manual_seed(values)
    canvas = scale * torch.randn(4, 3, values, generator=generator)
    goal = (torch.rand(4, values, generator=generator) < 0.5).float()
    flat = replace(likelihood, event_ndim=1)
    expected = flat.log_prob(canvas.double(), goal.double().unsqueeze(1)).float()
    overwritten = canvas.clone()
    mean, log_prob = likelihood.measure_(overwritten, goal)
    torch.testing.assert_close(mean, likelihood.mean(canvas), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(log_prob, expected, rtol=1e-5, atol=2e-4)
    assert mean.data_ptr() == overwritten.data_ptr()


@LIKELIHOODS
@pytest.mark.parametrize("num", range(1, 65))
def test_potential_of_a_batch_is_that_of_each_bit_for_bit(likelihood, num):
    images, goals = draw(np.random.default_rng(num), num)
    together = likelihood.potential(images, goals)
    pairs = zip(images[:, None], goals[:, None], strict=True)
    alone = [likelihood.potential(image, goal)[0] for image, goal in pairs]
    np.testing.assert_array_equal(together, alone)


@LIKELIHOODS
def test_potential_does_not_depend_on_the_memory_layout(likelihood):
    images, goals = draw(np.random.default_rng(0), 64)
    expected = likelihood.potential(images, goals)
    wide = np.zeros((64, *SHAPE[:-1], 2 * SHAPE[-1]), dtype=np.float32)
    wide[..., ::2] = images
    layouts = [np.asfortranarray(images), wide[..., ::2], images[::-1].copy()[::-1]]
    for layout in layouts:
        assert not layout.flags.c_contiguous
        np.testing.assert_array_equal(likelihood.potential(layout, goals), expected)
        np.testing.assert_array_equal(likelihood.potential(layout[5:6], goals[5:6]), expected[5:6])
    points, point_goals = (np.asfortranarray(x.reshape(64, -1)) for x in (images, goals))
    np.testing.assert_array_equal(likelihood.potential(points, point_goals), expected)


@LIKELIHOODS
def test_potential_of_an_empty_batch_is_empty(likelihood):
    empty = np.zeros((0, *SHAPE), dtype=np.float32)
    assert likelihood.potential(empty, empty).shape == (0,)


@LIKELIHOODS
@settings(max_examples=50, deadline=None)
@given(image=images, goal=images)
def test_potential_is_highest_at_the_goal(likelihood, image, goal):
    best = likelihood.potential(goal, goal)
    assert likelihood.potential(image, goal) <= best + 1e-9 * np.abs(best)


def test_grey_goals_give_the_expectation_over_their_binarisations():
    likelihood, image, grey = Bernoulli(1), row(0.2, 0.7), row(0.25, 0.6)
    expected = 0.0
    for goal in itertools.product((0, 1), repeat=2):
        chance = math.prod(g if bit else 1 - g for g, bit in zip(grey[0], goal, strict=True))
        expected += chance * likelihood.potential(image, row(*goal))[0]
    np.testing.assert_allclose(likelihood.potential(image, grey), expected, rtol=1e-12)


def test_logits_of_grey_levels_by_hand():
    canvas = BERNOULLI.to_canvas(torch.tensor([0.0, 0.25, 0.5, 1.0]))
    assert canvas.dtype == torch.float32
    np.testing.assert_allclose(canvas, [-11.512915, -1.0986123, 0, 11.512915], rtol=1e-6)


@LIKELIHOODS
@settings(max_examples=50, deadline=None)
@given(image=images)
def test_image_to_canvas_and_back(likelihood, image):
    back = likelihood.mean(likelihood.to_canvas(torch.from_numpy(image)))
    clip = MEAN_CLIP if likelihood is BERNOULLI else 0.0
    np.testing.assert_allclose(back, image.clip(clip, 1 - clip), atol=5e-7)


def test_bernoulli_samples_are_binary_with_the_right_frequency():
    mean = np.broadcast_to(np.float32([0, 0.1, 0.5, 1]), (40_000, 4))
    sample = Bernoulli(1).sample(mean, np.random.default_rng(0))
    assert sample.dtype == np.float32 and set(np.unique(sample)) == {0, 1}
    # Standard error at most 0.5 / sqrt(40000) = 0.0025; four of them.
    np.testing.assert_allclose(sample.mean(axis=0), [0, 0.1, 0.5, 1], atol=0.01)
    assert (sample[:, 0] == 0).all() and (sample[:, 3] == 1).all()


def test_gaussian_samples_have_the_right_moments():
    mean = np.broadcast_to(np.float32([-0.5, 0.5]), (40_000, 2))
    sample = Gaussian(1, sigma=0.2).sample(mean, np.random.default_rng(0))
    assert sample.dtype == np.float32
    np.testing.assert_allclose(sample.mean(axis=0), [-0.5, 0.5], atol=0.004)
    np.testing.assert_allclose(sample.std(axis=0), 0.2, atol=0.003)


@LIKELIHOODS
def test_samples_depend_on_the_generator_alone(likelihood):
    mean = np.full((3, *SHAPE), 0.5, dtype=np.float32)
    first, again, other = (likelihood.sample(mean, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_make_likelihood_by_name():
    assert make_likelihood("bernoulli", 3) == Bernoulli(3)
    assert make_likelihood("gaussian", 1, -1.0, 1.0, 0.05) == Gaussian(1, -1.0, 1.0, 0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "poisson"}, "'bernoulli' or 'gaussian', got 'poisson'"),
        ({"name": "bernoulli", "low": -1.0}, r"\[0, 1\], got \[-1.0, 1.0\]; use likelihood='gau"),
        ({"name": "gaussian", "sigma": 0.0}, "sigma must be positive and finite, got 0.0"),
        ({"name": "gaussian", "sigma": math.nan}, "sigma must be positive and finite, got nan"),
        ({"name": "gaussian", "sigma": 1e-200}, "between 1e-12 and 1e.06 for images in .0, 1., or"),
        ({"name": "gaussian", "sigma": 3e6, "low": -1.0}, "between 2e-12 and 2e.06 for images in"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_likelihood(event_ndim=3, **arguments)


@pytest.mark.parametrize("sigma", [SMALLEST_SIGMA, LARGEST_SIGMA])
def test_potentials_at_the_bounds_of_sigma_are_finite_and_tell_images_apart(sigma):
    shape = (3, 512, 512)
    likelihood = Gaussian(3, sigma=sigma)
    goal, near, far = (torch.full((1, *shape), value) for value in (0.0, 0.5, 1.0))
    potentials = [likelihood.potential(each.numpy(), goal.numpy()) for each in (near, far)]
    assert np.isfinite(potentials).all() and potentials[0] > potentials[1]
    assert likelihood.log_prob(far, goal).isfinite().all()
