"""Every client is optional: a test without its package is skipped."""

import gymnasium as gym
import pytest

import gcgen_env  # noqa: F401  registers the ids


def pytest_collection_modifyitems(items):
    """Mark what is here, so that `make test-clients` finds it and `make test` leaves it out."""
    for item in items:
        if "tests/clients" in str(item.path):
            item.add_marker(pytest.mark.client)


@pytest.fixture
def make():
    """Make the Digits environment, some proposals of it invalid."""
    return lambda **kwargs: gym.make("GCGen-Digits-v0", **{"nucleus": 0.7, **kwargs})
