"""Reduced precision and threads: scores may change, states and bounds stay exact."""

import numpy as np
import pytest
import torch

from agents.gcgen.bound import compute_bound
from agents.gcgen.rollout import rollout
from gcgen_env.datasets import load_dataset
from tests.agents.conftest import make_model
from tests.agents.toys import (
    enumerate_paths,
    exact_log_prob,
    follow,
    make_chain,
    make_goals,
    make_policy,
)


def roll(chain, policy, goal, dtype=torch.float32, part=None):
    """Roll one goal along every path, scored in a precision and on a part of the values."""
    action = enumerate_paths(chain).action
    goals = goal.expand(len(action), *goal.shape)
    return rollout(chain, policy.make_selection(), goals, follow(action), dtype, part)


@pytest.mark.parametrize("scores", [{"dtype": torch.bfloat16}, {"part": torch.tensor([0, 2])}])
@torch.no_grad()
def test_rough_scores_leave_an_exact_bound(scores):
    chain = make_chain("network")
    policy = make_policy(chain, look_ahead=(1.0, 1.0), learned=False)
    for goal in make_goals(chain):
        path = roll(chain, policy, goal, **scores)
        full = roll(chain, policy, goal)
        nll = compute_bound(path).nll.double()
        log_q = path.log_q.double().sum(1)
        exact = exact_log_prob(chain, goal[None]).item()
        assert not torch.equal(path.log_q, full.log_q)  # the scores did change
        assert log_q.exp().sum().item() == pytest.approx(1, abs=1e-5)  # of what is sampled from
        assert (log_q.exp() * nll).sum() >= -exact - 1e-6
        # Whatever q is, averaging p(tau, g) / q(tau | g) over q gives p(g) itself.
        assert (log_q - nll).logsumexp(0).item() == pytest.approx(exact, abs=1e-5)
        for name in ("log_prior", "potential", "canvas"):  # by decode's function, in float32
            assert torch.equal(getattr(path, name), getattr(full, name))


def test_states_of_training_are_those_of_decoding():
    model = make_model(updates=5, precision="bfloat16", n_envs=64, batch_size=64)
    goals = torch.from_numpy(model.env.make_goals(model.env.sample_images()))
    with torch.no_grad():
        path = rollout(
            model.chain,
            model.policy.make_selection(),
            goals,
            lambda log_q: log_q.argmax(-1),
            torch.bfloat16,
        )
    decoded = model.decode(path.action.numpy())
    np.testing.assert_array_equal(model.chain.likelihood.mean(path.canvas[:, -1]).numpy(), decoded)


@pytest.fixture
def two_threads():
    """Let a test use two threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_one_and_two_threads_give_the_same(two_threads):
    weights, reports = [], []
    images = load_dataset("digits", "test").take(np.arange(64))
    for threads in (1, 2):
        torch.set_num_threads(threads)
        model = make_model(
            updates=3, n_envs=256, batch_size=256, precision="float32",
            optimizer="adam", learning_rate=2e-3,  # SOAP steps where rounding is the gradient
        )  # fmt: skip
        weights.append(
            torch.cat([p.detach().flatten() for p in model.s_agent.network.parameters()])
        )
        reports.append(model.evaluate_nll(images, seed=0).per_image)
    torch.testing.assert_close(*weights, rtol=0, atol=1e-6)
    np.testing.assert_allclose(*reports, rtol=0, atol=1e-3)
