"""The terms of log q, from numbers typed by hand."""

import math

import pytest
import torch

from agents.common.decision import INVALID_LOGIT, Decision
from agents.common.scorer import SPEED, ProposalScorer
from agents.common.selection import Selection
from agents.common.selection_config import SelectionConfig

LOG_PRIOR = torch.tensor([[-1.0, -2.0, -math.inf]])
GAIN = torch.tensor([[4.0, 8.0, 100.0]])
SCORE = torch.tensor([[0.5, -0.5, 100.0]])
PROGRESS = torch.tensor([[0.25]])
RAMP = (1.0, 3.0)  # beta = 1.5 at a quarter of the way
TERMS_OFF = {"prior": False, "look_ahead": None, "learned": False}


class TypedScorer(ProposalScorer):
    """A scorer of images of one value, whose direction is 1."""

    def embed(self, image, goal, progress):
        """Return what `point` ignores."""
        return image

    def point(self, features):
        """Return the direction 1."""
        return torch.ones_like(features)


def make_decision(log_prior=LOG_PRIOR, gain=GAIN, score=SCORE):
    """One state whose image is 0; proposal a moves it by score[a]."""
    image = torch.zeros(1, 1)
    parts = (log_prior, gain, score.unsqueeze(-1), image)
    return Decision(image, image, PROGRESS, *parts, compress=lambda values: values)


def make_selection(sees_goal=True, factor=1.0, **terms):
    """A selection whose learned factor of beta is constant."""
    scorer = TypedScorer(1, sees_goal)
    scorer.knots.data.fill_(math.log(factor) / SPEED)
    return Selection(SelectionConfig(**{"look_ahead": RAMP, **terms}), scorer)


@torch.no_grad()
def compute_logits(decision=None, **options):
    selection, decision = make_selection(**options), decision or make_decision()
    return selection.logits(decision, selection.embed(decision))


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, [-1 + 6 + 0.5, -2 + 12 - 0.5]),
        ({"prior": False}, [6 + 0.5, 12 - 0.5]),
        ({"look_ahead": None}, [-1 + 0.5, -2 - 0.5]),
        ({"learned": False}, [-1 + 6, -2 + 12]),
        (TERMS_OFF, [0, 0]),
        ({"hard": True}, [INVALID_LOGIT, 0]),
        ({"hard": True, "look_ahead": None}, [0, INVALID_LOGIT]),
        ({"hard": True, **TERMS_OFF}, [0, INVALID_LOGIT]),
    ],
    ids=str,
)
def test_each_term_can_be_switched_off(terms, expected):
    assert compute_logits(**terms)[0].tolist() == [*expected, INVALID_LOGIT]


def test_a_scorer_that_does_not_see_the_goal_leaves_the_look_ahead_out():
    assert compute_logits(sees_goal=False)[0].tolist() == [-0.5, -2.5, INVALID_LOGIT]


def test_a_score_without_features_is_left_out():
    logits = make_selection().logits(make_decision(), None)
    assert logits[0].tolist() == [5, 10, INVALID_LOGIT]


@torch.no_grad()
@pytest.mark.parametrize("terms", [{}, {"learned": False}, {"hard": True}], ids=str)
def test_calling_a_selection_normalises_its_logits(terms):
    log_q = make_selection(**terms)(None, make_decision())
    torch.testing.assert_close(log_q, compute_logits(**terms).log_softmax(-1))
    assert log_q.exp().sum().item() == pytest.approx(1)


@torch.no_grad()
@pytest.mark.parametrize("hard", [False, True])
def test_invalid_proposals_have_probability_exactly_zero(hard):
    for invalid in (-math.inf, INVALID_LOGIT):
        prior = torch.tensor([[invalid, -30.0, invalid]])
        gain = torch.tensor([[1e6, -1e4, 0.0]])
        decision = make_decision(prior, gain)
        selection = make_selection(hard=hard, look_ahead=(0.2, 1.1))
        assert selection.logits(decision, None).softmax(-1).tolist() == [[0.0, 1.0, 0.0]]
        assert selection(None, decision).exp().tolist() == [[0.0, 1.0, 0.0]]


@pytest.mark.parametrize("ramp", [(1.0,), (-0.1, 1.0), (1.0, 2.0, 3.0)])
def test_a_wrong_ramp_is_refused(ramp):
    with pytest.raises(ValueError, match="look_ahead must be two temperatures"):
        SelectionConfig(look_ahead=ramp)


def test_the_ramp_may_come_from_json():
    assert SelectionConfig(look_ahead=[0, 1]) == SelectionConfig(look_ahead=(0.0, 1.0))


def test_a_learned_factor_multiplies_the_temperature():
    found = compute_logits(factor=0.5)[0].tolist()
    assert found == pytest.approx([-1 + 3 + 0.5, -2 + 6 - 0.5, INVALID_LOGIT])
    assert make_selection(factor=0.5).temperature(PROGRESS).item() == pytest.approx(0.75)


def test_the_factor_is_left_out_if_the_score_is():
    selection = make_selection(factor=0.5, learned=False)
    assert selection.temperature(PROGRESS).tolist() == [[1.5]]
    assert selection.logits(make_decision(), None)[0].tolist() == [5, 10, INVALID_LOGIT]


def test_the_temperature_is_one_without_look_ahead():
    assert SelectionConfig(look_ahead=RAMP).temperature(PROGRESS).tolist() == [[1.5]]
    assert SelectionConfig(look_ahead=None).temperature(PROGRESS).tolist() == [[1.0]]
