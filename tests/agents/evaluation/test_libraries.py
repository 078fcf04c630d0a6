"""FID and KID by torchmetrics, and PRDC against the library of its authors."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from agents.evaluation.distances import frechet_distance, kernel_distance
from agents.evaluation.prdc import compute_prdc

pytestmark = pytest.mark.extra


def draw(seed, num=80, size=6, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (num, size))


def test_fid_is_the_distance_of_two_gaussians():
    one, other = draw(0), 1.5 * draw(1, shift=0.4)
    cov = [np.cov(each, rowvar=False) for each in (one, other)]
    mean = np.square(one.mean(0) - other.mean(0)).sum()
    expected = mean + np.trace(cov[0] + cov[1] - 2 * sqrtm(cov[0] @ cov[1]).real)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)


def test_kid_is_the_unbiased_estimate_and_draws_from_its_own_seed():
    one, other = draw(0, 400), draw(1, 400, shift=1.0)
    kernel = [(a @ b.T / 6 + 1) ** 3 for a, b in ((one, one), (other, other), (one, other))]
    inside = sum(k.sum() - np.trace(k) for k in kernel[:2]) / (400 * 399)
    state = torch.get_rng_state()
    found = kernel_distance(one, other)
    assert torch.equal(state, torch.get_rng_state())
    assert found.mean == pytest.approx(inside - 2 * kernel[2].mean(), rel=0.02)  # of subsets
    assert found == kernel_distance(one, other)


@pytest.mark.parametrize(("num", "other", "size", "k"), [(90, 70, 5, 3), (600, 1100, 16, 5)])
def test_prdc_equals_the_library_of_its_authors(num, other, size, k):
    library = pytest.importorskip("prdc")
    real, drawn = draw(0, num, size), 1.2 * draw(1, other, size, shift=0.3)
    expected = library.compute_prdc(real, drawn, nearest_k=k)
    assert compute_prdc(real, drawn, k)._asdict() == pytest.approx(expected, abs=1e-6)
