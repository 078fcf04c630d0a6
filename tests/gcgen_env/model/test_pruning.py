"""Nucleus pruning against a few lines of float64 Python."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gcgen_env.model.pruning import prune_prior

INF = math.inf
# Integers, so that weights are equal or differ by more than the grain of float32.
weights = st.lists(st.integers(1, 1000), min_size=2, max_size=12)
nuclei = st.floats(0.01, 0.999)


def log_prior(*probabilities):
    return torch.tensor([probabilities]).log()


def find_nucleus(probabilities, nucleus):
    """Return the indices of the smallest set that holds `nucleus`, as a loop would."""
    chosen, mass = set(), 0.0
    for index in sorted(range(len(probabilities)), key=lambda i: -probabilities[i]):
        if mass >= nucleus:
            break
        chosen.add(index)
        mass += probabilities[index]
    return chosen


@pytest.mark.parametrize(
    ("nucleus", "expected"),
    [
        (0.3, [0.0, 1.0, 0.0, 0.0]),
        (0.6, [0.0, 2 / 3, 0.0, 1 / 3]),
        (0.8, [0.2 / 0.95, 0.5 / 0.95, 0.0, 0.25 / 0.95]),
        (0.96, [0.2, 0.5, 0.05, 0.25]),
    ],
)
def test_pruning_by_hand(nucleus, expected):
    pruned = prune_prior(log_prior(0.2, 0.5, 0.05, 0.25), nucleus)
    np.testing.assert_allclose(pruned.exp(), [expected], rtol=1e-6)
    assert pruned.isfinite().tolist() == [[p > 0 for p in expected]]


def test_nucleus_of_one_changes_nothing():
    given_prior = log_prior(0.2, 0.5, 0.0, 0.3)
    pruned = prune_prior(given_prior, 1.0)
    assert torch.equal(pruned, given_prior)
    assert pruned.isfinite().tolist() == [[True, True, False, True]]


def test_proposals_of_no_probability_are_never_valid():
    # In float32 three thirds sum to less than this nucleus.
    pruned = prune_prior(log_prior(0.0, 1 / 3, 1 / 3, 1 / 3), 0.99999999)
    assert pruned.isfinite().tolist() == [[False, True, True, True]]
    np.testing.assert_allclose(pruned, [[-INF, *3 * [math.log(1 / 3)]]], rtol=1e-6)


def test_among_equals_the_first_are_kept():
    pruned = prune_prior(log_prior(*64 * [1 / 64]), 19.5 / 64)
    assert pruned.isfinite().tolist() == [20 * [True] + 44 * [False]]


def test_the_most_probable_proposal_is_kept_however_small_the_nucleus():
    pruned = prune_prior(log_prior(0.1, 0.2, 0.7), 1e-30)
    assert pruned.isfinite().tolist() == [[False, False, True]]
    assert pruned.tolist() == [[-INF, -INF, 0.0]]


def test_rows_are_pruned_each_by_itself():
    prior = torch.cat([log_prior(0.9, 0.05, 0.05), log_prior(0.4, 0.4, 0.2)])
    pruned = prune_prior(prior, 0.7)
    assert pruned.isfinite().tolist() == [[True, False, False], [True, True, False]]
    np.testing.assert_allclose(pruned.exp(), [[1, 0, 0], [0.5, 0.5, 0]], rtol=1e-6)


@settings(max_examples=200, deadline=None)
@given(weights=weights, nucleus=nuclei)
def test_the_smallest_set_is_kept(weights, nucleus):
    probabilities = (np.array(weights) / sum(weights)).tolist()
    chosen = find_nucleus(probabilities, nucleus)
    held = sum(probabilities[i] for i in chosen)
    without_last = held - min(probabilities[i] for i in chosen)
    assume(abs(held - nucleus) > 1e-5 and abs(without_last - nucleus) > 1e-5)
    pruned = prune_prior(torch.tensor([probabilities]).log(), nucleus)
    assert set(pruned[0].isfinite().nonzero().flatten().tolist()) == chosen


@settings(max_examples=200, deadline=None)
@given(weights=weights, nucleus=nuclei)
def test_what_is_kept_is_renormalised_in_proportion(weights, nucleus):
    prior = torch.tensor([weights]).log().log_softmax(-1)
    pruned = prune_prior(prior, nucleus)
    mask = pruned.isfinite()
    assert mask.any()
    assert pruned.exp().sum() == pytest.approx(1, abs=1e-5)
    shift = (pruned - prior)[mask]
    np.testing.assert_allclose(shift, shift[0].expand_as(shift), atol=1e-5)
