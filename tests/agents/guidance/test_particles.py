"""Resampling, with numbers typed by hand."""

import numpy as np
import pytest
import torch

from agents.guidance.particles import (
    choose_ancestors,
    choose_particle,
    effective_size,
    resample,
)


def log(*weights):
    return torch.tensor([weights], dtype=torch.float64).log()


def test_effective_size():
    assert effective_size(log(1.0, 1.0, 1.0, 1.0)).item() == pytest.approx(4)
    assert effective_size(log(1.0, 0.0, 0.0, 0.0)).item() == pytest.approx(1)
    assert effective_size(log(3.0, 1.0)).item() == pytest.approx(1 / (9 / 16 + 1 / 16))


@pytest.mark.parametrize(("offset", "expected"), [(0.3, [0, 0, 1, 2]), (0.9, [0, 1, 1, 2])])
def test_systematic_resampling(offset, expected):
    drawn = resample(log(0.4, 0.4, 0.2, 0.0), torch.tensor([offset]))
    assert drawn.tolist() == [expected]


def test_resampling_is_unbiased():
    weights, offsets = np.array([0.5, 0.3, 0.15, 0.05]), (torch.arange(1000) + 0.5) / 1000
    drawn = resample(log(*weights).expand(1000, 4), offsets)
    counts = np.bincount(drawn.flatten(), minlength=4) / 4000
    np.testing.assert_allclose(counts, weights, atol=1e-3)


def test_only_poor_groups_are_resampled():
    weights = torch.cat([log(1.0, 1.0, 1.0, 0.9), log(1.0, 1e-9, 1e-9, 1e-9)])
    ancestors, left = choose_ancestors(weights, torch.tensor([0.5, 0.5]))
    assert ancestors.tolist() == [[0, 1, 2, 3], [0, 0, 0, 0]]
    assert torch.equal(left[0], weights[0])
    assert left[1].tolist() == [0, 0, 0, 0]


def test_one_particle_is_chosen_by_weight():
    offsets = (torch.arange(100) + 0.5) / 100
    chosen = choose_particle(log(0.2, 0.0, 0.8).expand(100, 3), offsets)
    assert np.bincount(chosen).tolist() == [20, 0, 80]
