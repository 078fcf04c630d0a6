"""A test is skipped if the library that it needs is not installed."""

import gymnasium as gym
import pytest

import gcgen_env  # noqa: F401  registers the ids


def pytest_collection_modifyitems(items):
    """Mark these tests as `client`: `make test-clients` runs them, `make test` does not."""
    for item in items:
        if "tests/clients" in str(item.path):
            item.add_marker(pytest.mark.client)


@pytest.fixture
def make():
    """Return a function that makes the Digits environment with some invalid proposals."""
    return lambda **kwargs: gym.make("GCGen-Digits-v0", **{"nucleus": 0.7, **kwargs})
