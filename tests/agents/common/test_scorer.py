"""The learned factor of the look-ahead's temperature."""

import pytest
import torch

from agents.common.scorer import KNOTS, SPEED, ProposalScorer


def test_a_fresh_scorer_changes_no_temperature():
    factor = ProposalScorer(4).temperature_factor(torch.linspace(0, 1, 7))
    assert factor.tolist() == 7 * [1.0]


def test_the_logarithm_is_linear_between_the_knots():
    scorer = ProposalScorer(4)
    scorer.knots.data = torch.arange(KNOTS) / SPEED  # log factor: the number of the knot
    progress = torch.tensor([[0.0], [0.1], [0.25], [0.999], [1.0]])
    log_factor = scorer.temperature_factor(progress).log()
    expected = torch.tensor([[0.0], [1.0], [2.5], [9.99], [10.0]])
    torch.testing.assert_close(log_factor, expected, rtol=1e-4, atol=1e-4)


def test_each_knot_learns_from_what_is_near_it():
    scorer = ProposalScorer(4)
    scorer.temperature_factor(torch.tensor([0.25])).sum().backward()
    touched = scorer.knots.grad.nonzero().flatten().tolist()
    assert touched == [2, 3]
    assert scorer.knots.grad[2].item() == pytest.approx(SPEED / 2)
