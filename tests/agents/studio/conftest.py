"""Models that the tests of the studio share."""

import numpy as np
import pytest

from agents.studio.shelf import make_shelf


@pytest.fixture(scope="package")
def shelf():
    return make_shelf()


@pytest.fixture(scope="package")
def digits(shelf):
    """The shipped S-agent of Digits: A = 16, H = 8."""
    return shelf.find("Digits")


@pytest.fixture(scope="package")
def toy(shelf):
    """The shipped S-agent of the plane: A = 8, H = 6."""
    return shelf.find("Toy2D")


@pytest.fixture
def goal(digits):
    return digits.load_goals().take([3])[0]


@pytest.fixture
def rng():
    return np.random.default_rng(0)
