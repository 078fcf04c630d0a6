"""The ready-made scores, against formulas and with the S-agent of Digits."""

import numpy as np
import pytest

from agents.guidance import (
    ClassScore,
    LowResolution,
    Nearest,
    Strokes,
    VisiblePixels,
    WeightedSum,
    sample_guided,
)
from agents.guidance.scorers.low_resolution import shrink
from agents.guidance.scorers.strokes import find_edges
from gcgen_env.datasets import load_dataset
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent

BITS, LEVELS = Bernoulli(3), Gaussian(3, 0.0, 1.0, 0.1)
LOWER = np.indices((8, 8))[0] >= 4


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", "test").take(range(20))


@pytest.fixture(scope="module")
def chain():
    return SAgent.load(pretrained_path("digits")).chain


def test_hidden_pixels_are_not_read(digits):
    changed = np.where(LOWER, np.float32(np.nan), digits[0])
    one, other = (VisiblePixels(image, LOWER, BITS)(digits) for image in (digits[0], changed))
    np.testing.assert_array_equal(one, other)


def test_visible_pixels_count_as_the_likelihood_has_it(digits):
    m = digits.clip(1e-5, 1 - 1e-5).astype(np.float64)
    terms = digits[0] * np.log(m) + (1 - digits[0]) * np.log(1 - m)
    expected = terms[:, :, :4].sum((1, 2, 3))
    np.testing.assert_allclose(VisiblePixels(digits[0], LOWER, BITS)(digits), expected, rtol=1e-4)
    np.testing.assert_allclose(Nearest(digits[0], BITS)(digits), terms.sum((1, 2, 3)), rtol=1e-4)


def test_a_gaussian_likelihood_scores_distances(digits):
    scores = Nearest(digits[0], LEVELS)(digits)
    distance = np.square(digits - digits[0]).sum((1, 2, 3))
    np.testing.assert_allclose(scores[0] - scores, distance / (2 * 0.1**2), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((4, 8), bool), r"bool array of shape \(8, 8\) as the image, got bool of shape"),
        (np.zeros((8, 8)), "must be a bool array"),
        (np.zeros((8, 8), bool), "must hide some of the pixels, and it hides 0 of 64"),
        (np.ones((8, 8), bool), "it hides 64 of 64"),
    ],
)
def test_a_bad_mask_is_explained(digits, mask, words):
    with pytest.raises(ValueError, match=words):
        VisiblePixels(digits[0], mask, BITS)


def test_images_must_be_images(digits):
    with pytest.raises(ValueError, match=r"must have shape \(C, height, width\), got \(8, 8\)"):
        Nearest(digits[0, 0], BITS)
    with pytest.raises(ValueError, match=r"must have values in \[0, 1\], got 0 to 239"):
        Nearest(digits[0] * 255, BITS)
    with pytest.raises(ValueError, match=r"must have shape \(1, 4, 4\) as the model's images"):
        Nearest(digits[0], BITS)(digits[:, :, :4, :4])


def test_shrinking_averages_blocks():
    images = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    assert shrink(images, (1, 2, 2)).tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
    with pytest.raises(ValueError, match=r"divide theirs, \(1, 4, 4\): got \(1, 3, 2\)"):
        shrink(images, (1, 3, 2))


def test_the_image_itself_has_the_best_low_resolution(digits):
    for number in range(5):
        small = shrink(digits[number : number + 1], (1, 4, 4))[0]
        assert LowResolution(small, LEVELS)(digits).argmax() == number


def test_edges_are_where_brightness_changes():
    image = np.zeros((1, 1, 4, 4), np.float32)
    image[..., 2:] = 1
    expected = np.zeros((4, 4))
    expected[:, 1] = 1
    np.testing.assert_array_equal(find_edges(image)[0], expected)
    np.testing.assert_array_equal(find_edges(2 * image - 1, -1.0, 1.0)[0], expected)


def test_the_image_itself_fits_its_strokes_best(digits):
    strokes = find_edges(digits)
    assert [Strokes(each)(digits).argmax() for each in strokes] == list(range(20))
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\], got shape \(8, 8\)"):
        Strokes(strokes[0] + 1)


def test_weights_add_up(digits):
    near, far = Nearest(digits[0], BITS), Nearest(digits[1], BITS)
    both = WeightedSum([(1.0, near), (-0.5, far)])
    np.testing.assert_allclose(both(digits), near(digits) - 0.5 * far(digits))
    assert repr(both) == "1 Nearest(shape=(1, 8, 8)) + -0.5 Nearest(shape=(1, 8, 8))"
    with pytest.raises(
        ValueError, match=r"one score for each image, shape \(20,\), got shape \(\)"
    ):
        WeightedSum([(1.0, near), (1.0, lambda images: 3.0)])(digits)
    with pytest.raises(ValueError, match=r"one finite number or more, got \[\]"):
        WeightedSum([])
    with pytest.raises(TypeError, match=r"expected pairs \(weight, guidance\), got Nearest"):
        WeightedSum(near)


def test_hidden_pixels_are_filled_in(chain, digits):
    """The error at hidden pixels is half of that without guidance, and the answers differ."""
    guided = free = 0.0
    pool = SAgent(chain).sample(200, seed=0)
    for digit in digits[:4]:
        guidance = VisiblePixels(digit, LOWER, chain.likelihood)
        sample = sample_guided(chain, 5, guidance, num_particles=8, seed=0)
        guided += np.square(sample.images - digit)[:, :, 4:].mean()
        free += np.square(pool - digit)[:, :, 4:].mean()
        assert len(np.unique(sample.codes, axis=0)) > 1
    assert guided < 0.5 * free


def test_a_class_out_of_range():
    with pytest.raises(ValueError, match="the class must be an integer of 0 to 9, got 10"):
        ClassScore(10)
