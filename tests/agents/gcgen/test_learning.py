"""Training lowers the bound on images never seen, and back-propagation through the chain is why."""

import pytest

from agents.gcgen import gcgen as module
from gcgen_env.factory import make_dataset
from tests.agents.conftest import make_model
