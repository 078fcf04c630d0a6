"""What each step contributes."""

import numpy as np
import pytest
import torch

from agents.inspection import StepReport, measure_steps


@pytest.fixture(scope="module")
def report(model, digits):
    return measure_steps(model, digits)


def test_gains_add_up_to_the_gain_of_the_code(model, digits, report):
    likelihood, goal = model.s_agent.likelihood, torch.from_numpy(digits)
    ends = model.reconstruct(digits), np.broadcast_to(report.states[0], digits.shape)
    end, start = (
        likelihood.log_prob(likelihood.to_canvas(torch.tensor(image)), goal).mean()
        for image in ends
    )
    assert report.gain.shape == (8,)
    assert report.gain.sum() == pytest.approx(float(end - start), rel=1e-4)


def test_divergences_are_those_of_the_bound(model, digits, report):
    np.testing.assert_allclose(report.divergence, model.evaluate_nll(digits, seed=0).divergence)


def test_every_image_is_counted_at_every_step(model, digits, report):
    codes = model.encode(digits)
    assert report.counts.shape == (8, 16) and (report.counts.sum(1) == len(digits)).all()
    assert report.counts[3, codes[0, 3]] == (codes[:, 3] == codes[0, 3]).sum()
    np.testing.assert_allclose(report.states[-1], model.decode(codes))


def test_the_effective_number_by_hand():
    counts = np.array([[4, 4, 0, 0], [8, 0, 0, 0], [2, 2, 2, 2]])
    report = StepReport(np.zeros(3), np.zeros(3), counts, np.zeros((4, 8, 1, 2, 2)))
    np.testing.assert_allclose(report.effective, [2, 1, 4])
    assert report.unused.tolist() == [2, 3, 0]
