"""Learning, with thresholds that an agent which does not learn misses."""

import pytest

from tests.agents.conftest import make_model

MEAN_IMAGE = 27.4
"""Nats of the test digits under independent pixels with the training set's means."""


def train_on_digits(updates, **kwargs):
    """Train a small model; return the report on all test images."""
    model = make_model(
        updates=updates, n_envs=32, s_agent_kwargs={"width": 128, "depth": 1}, **kwargs
    )
    return model.evaluate_nll(model.load_split("test").take(range(360)))


def test_training_lowers_the_bound_on_digits():
    report = train_on_digits(200)
    assert report.nll < MEAN_IMAGE - 2.5
    assert report.reconstruction < report.nll - 2  # part of the digit is in the code


def test_no_training_does_not():
    report = train_on_digits(20, train_s_agent=False, gc_learning_rate=0.0)
    assert report.nll == pytest.approx(MEAN_IMAGE, abs=0.5)
