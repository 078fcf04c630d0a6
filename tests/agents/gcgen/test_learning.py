"""Learning, with thresholds that an agent which does not learn misses."""

import pytest
import torch

from agents.gcgen.choices import make_sampler
from agents.gcgen.evaluation import evaluate_bound
from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.losses import gc_agent_loss
from agents.gcgen.rollout import rollout
from gcgen_env.factory import make_dataset
from tests.agents.conftest import make_model
from tests.agents.toys import exact_log_prob, make_chain, make_goals, make_policy

MEAN_IMAGE = 27.4
"""Nats of the test digits under independent pixels with the training set's means."""


def train_on_digits(updates, **kwargs):
    """Train a small model; return the report on all test images."""
    model = make_model(
        updates=updates,
        n_envs=32,
        learning_rate=2e-3,
        s_agent_kwargs={"width": 128, "depth": 1},
        **kwargs,
    )
    return model.evaluate_nll(make_dataset(model.env_config, "test").take(range(360)))


def test_training_lowers_the_bound_on_digits():
    report = train_on_digits(200)
    assert report.nll < MEAN_IMAGE - 2.5
    assert report.reconstruction < report.nll - 2  # part of the digit is in the code


def test_no_training_does_not():
    report = train_on_digits(20, train_s_agent=False, gc_learning_rate=0.0)
    assert report.nll == pytest.approx(MEAN_IMAGE, abs=0.5)


def test_the_learned_score_comes_close_to_the_soft_optimum():
    """On the toy, from q = p_S and with no look-ahead: the score has all of it to learn."""
    chain = make_chain("handwritten")
    goals = make_goals(chain)
    policy = make_policy(chain, look_ahead=None, width=64)
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    choose = make_sampler(torch.Generator().manual_seed(0))

    def evaluate():
        repeated = goals.repeat(100, 1, 1, 1)
        return evaluate_bound(chain, lambda _: GCAgent(policy, chain), repeated).nll

    exact, before = -exact_log_prob(chain, goals).mean().item(), evaluate()
    for _ in range(200):
        agent = GCAgent(policy, chain)
        path = rollout(chain, agent, goals.repeat(8, 1, 1, 1), choose)
        loss = gc_agent_loss(path, agent.values(), unit=3**0.5)
        optimizer.zero_grad()
        (loss.policy + loss.value).backward()
        optimizer.step()
    after = evaluate()
    assert before > exact + 0.04
    assert exact - 0.01 < after < exact + 0.01
