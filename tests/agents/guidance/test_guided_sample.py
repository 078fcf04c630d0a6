"""What one can do with guided images: choose the typical ones."""

import numpy as np
import pytest

from agents.guidance import GuidedSample


def make_sample(values):
    images = np.asarray(values, np.float32).reshape(-1, 1, 1, 1)
    codes = np.arange(len(images))[:, None]
    return GuidedSample(images, codes, np.arange(len(images)) / 10, 99, "f")


def test_typical_images_are_nearest_to_all_of_them():
    sample = make_sample([0.0, 0.5, 0.6, 1.0, 0.4])  # their mean is 0.5
    found = sample.typical(3)
    assert found.codes.ravel().tolist() in ([1, 2, 4], [1, 4, 2])
    np.testing.assert_array_equal(found.images, sample.images[found.codes.ravel()])
    np.testing.assert_array_equal(found.scores, found.codes.ravel() / 10)
    assert (found.calls, found.guidance) == (99, "f")  # the others have been paid for, too


def test_typical_draws_have_a_smaller_error_than_draws():
    rng = np.random.default_rng(0)
    truth, draws = rng.normal(size=(200, 1)), rng.normal(size=(200, 20))  # of one posterior
    typical = [make_sample(each).typical(1).images.item() for each in draws]
    error = np.square(np.array(typical)[:, None] - truth).mean()
    assert error < 1.3 < np.square(draws - truth).mean()  # the posterior mean has 1, a draw 2


@pytest.mark.parametrize(("num", "words"), [(0, "num must be at least 1"), (6, "there are 5")])
def test_a_wrong_number_is_one_sentence(num, words):
    with pytest.raises(ValueError, match=words):
        make_sample(range(5)).typical(num)
