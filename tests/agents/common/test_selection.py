"""The logits of q from numbers typed by hand, each term on and off."""

import math

import pytest
import torch

from agents.common.selection import INVALID_LOGIT, SelectionConfig, selection_logits

LOG_PRIOR = torch.tensor([[-1.0, -2.0, -math.inf]])
GAIN = torch.tensor([[4.0, 8.0, 100.0]])
SCORE = torch.tensor([[0.5, -0.5, 100.0]])
PROGRESS = torch.tensor([[0.25]])
RAMP = (1.0, 3.0)  # beta = 1.5 at a quarter of the way


def logits(gain=GAIN, score=SCORE, **terms):
    config = SelectionConfig(**{"look_ahead": RAMP, **terms})
    return selection_logits(config, LOG_PRIOR, gain, score, PROGRESS)[0].tolist()


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, [-1 + 6 + 0.5, -2 + 12 - 0.5]),
        ({"prior": False}, [6 + 0.5, 12 - 0.5]),
        ({"look_ahead": None}, [-1 + 0.5, -2 - 0.5]),
        ({"learned": False}, [-1 + 6, -2 + 12]),
        ({"prior": False, "look_ahead": None, "learned": False}, [0, 0]),
        ({"hard": True}, [INVALID_LOGIT, 0]),
        ({"hard": True, "look_ahead": None}, [0, INVALID_LOGIT]),
        ({"hard": True, "prior": False, "look_ahead": None, "learned": False}, [0, INVALID_LOGIT]),
    ],
    ids=str,
)
def test_each_term_can_be_switched_off(terms, expected):
    assert logits(**terms) == [*expected, INVALID_LOGIT]


def test_terms_that_are_not_known_are_left_out():
    assert logits(gain=None) == [-0.5, -2.5, INVALID_LOGIT]
    assert logits(score=None) == [5, 10, INVALID_LOGIT]


@pytest.mark.parametrize("hard", [False, True])
def test_invalid_proposals_have_probability_exactly_zero(hard):
    for invalid in (-math.inf, INVALID_LOGIT):
        prior = torch.tensor([[invalid, -30.0, invalid]])
        gain = torch.tensor([[1e6, -1e4, 0.0]])
        config = SelectionConfig(hard=hard)
        q = selection_logits(config, prior, gain, None, PROGRESS).softmax(-1)
        assert q.tolist() == [[0.0, 1.0, 0.0]]


@pytest.mark.parametrize("ramp", [(1.0,), (-0.1, 1.0), (1.0, 2.0, 3.0)])
def test_a_wrong_ramp_is_refused(ramp):
    with pytest.raises(ValueError, match="look_ahead must be two temperatures"):
        SelectionConfig(look_ahead=ramp)


def test_the_ramp_may_come_from_json():
    assert SelectionConfig(look_ahead=[0, 1]) == SelectionConfig(look_ahead=(0.0, 1.0))


def test_a_learned_factor_multiplies_the_temperature():
    config, factor = SelectionConfig(look_ahead=RAMP), torch.tensor([[0.5]])
    found = selection_logits(config, LOG_PRIOR, GAIN, SCORE, PROGRESS, factor)[0].tolist()
    assert found == [-1 + 3 + 0.5, -2 + 6 - 0.5, INVALID_LOGIT]


def test_the_temperature_is_one_without_look_ahead():
    assert SelectionConfig(look_ahead=RAMP).temperature(PROGRESS).tolist() == [[1.5]]
    assert SelectionConfig(look_ahead=None).temperature(PROGRESS).tolist() == [[1.0]]
