"""Roll-outs: what they record, which gradients they keep, and that decoding repeats them."""

import numpy as np
import pytest
import torch

from agents.common.selection import Selection
from agents.gcgen.rollout import rollout
from gcgen_env.datasets import Dataset
from gcgen_env.model.likelihoods import Bernoulli
from gcgen_env.model.sampling import choose_best
from tests.agents.conftest import make_model
from tests.agents.toys import H, get_prior, make_chain, make_goals, make_policy, randomise


@torch.no_grad()
def test_trajectories_record_what_the_functions_give():
    """Potentials, log p_S, log q and cross-entropy, recomputed from the actions alone."""
    chain = make_chain("network", nucleus=0.7)
    goals, agent = make_goals(chain), make_policy(chain, seed=0).make_selection()
    log_qs = []

    def select(state, decision):
        log_qs.append(agent(state, decision))
        return log_qs[-1]

    path = rollout(chain, select, goals, choose_best)
    canvas = chain.dynamics.start(8)
    for h in range(H):
        step = torch.full((8,), h)
        phi = chain.likelihood.log_prob(canvas, goals)
        torch.testing.assert_close(path.potential[:, h], phi)
        log_prior, chosen = get_prior(chain, canvas, step), path.action[:, h : h + 1]
        assert log_prior.gather(1, chosen).isfinite().all()
        torch.testing.assert_close(path.log_prior[:, h], log_prior.gather(1, chosen)[:, 0])
        torch.testing.assert_close(path.log_q[:, h], log_qs[h].gather(1, chosen)[:, 0])
        torch.testing.assert_close(path.q[:, h], log_qs[h].exp())
        torch.testing.assert_close(path.canvas[:, h], canvas)
        canvas = chain.choose(canvas, step, path.action[:, h])
    torch.testing.assert_close(path.canvas[:, H], canvas)
    torch.testing.assert_close(path.potential[:, H], chain.likelihood.log_prob(canvas, goals))


@torch.no_grad()
def test_every_decision_is_reported_while_it_happens():
    chain, records, order = make_chain("network"), [], []
    goals = make_goals(chain)

    def select(state, decision):
        order.append(("decision", int(state.step[0])))
        return decision.log_prior

    def on_step(record):
        order.append(("record", record.step))
        records.append(record)

    path = rollout(chain, select, goals, choose_best, on_step=on_step)
    assert order == [(kind, h) for h in range(H) for kind in ("decision", "record")]
    assert torch.equal(torch.stack([r.action for r in records], 1), path.action)
    assert torch.equal(torch.stack([r.potential for r in records], 1), path.potential[:, :-1])
    assert torch.equal(torch.stack([r.potential_next for r in records], 1), path.potential[:, 1:])


def test_a_rollout_has_no_gradient_but_that_of_the_gc_agent():
    chain = make_chain("network")
    agent, records = make_policy(chain, seed=0).make_selection(), []
    path = rollout(chain, agent, make_goals(chain), choose_best, on_step=records.append)
    assert path.log_q.requires_grad
    assert not any(part.requires_grad for part in path._replace(log_q=path.q))
    assert not any(r.potential.requires_grad or r.potential_next.requires_grad for r in records)


def test_an_exception_of_on_step_ends_the_rollout():
    chain, steps = make_chain("network"), []

    def stop(record):
        steps.append(record.step)
        if record.step == 1:
            raise KeyboardInterrupt

    agent = make_policy(chain).make_selection()
    with pytest.raises(KeyboardInterrupt):
        rollout(chain, agent, make_goals(chain), choose_best, on_step=stop)
    assert steps == [0, 1]


def test_the_gradient_of_the_gc_agent_does_not_reach_the_s_agent():
    chain = make_chain("network")
    chain.proposer.requires_grad_(True)
    policy = make_policy(chain, seed=0)
    path = rollout(chain, policy.make_selection(), make_goals(chain), choose_best)
    path.log_q.sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in chain.proposer.parameters())
    assert policy.scorer.direction.weight.grad.any()


def test_sampling_uses_no_goal_and_no_gc_agent(monkeypatch):
    model = make_model(updates=1)
    before = model.sample(8, seed=0)
    randomise(model.policy, scale=5.0)

    def fail(*args, **kwargs):
        raise AssertionError("called while sampling")

    for owner, name in (
        (Dataset, "take"),
        (Selection, "logits"),
        (Bernoulli, "log_prob_terms"),
        (Bernoulli, "measure_"),
    ):
        monkeypatch.setattr(owner, name, fail)
    np.testing.assert_array_equal(model.sample(8, seed=0), before)
    with pytest.raises(AssertionError, match="called while sampling"):
        model.train_round(None)


def test_scores_in_bfloat16_follow_the_current_weights():
    model = make_model(updates=20, learning_rate=0.05, precision="bfloat16")
    goals = torch.eye(16, 64).view(16, 1, 8, 8)
    gains = {}
    for dtype in (torch.float32, torch.bfloat16):
        gains[dtype] = []

        def select(state, decision, kept=gains[dtype]):
            kept.append(decision.gain)
            return torch.zeros_like(decision.log_prior).log_softmax(-1)

        with torch.no_grad():
            rollout(model.chain, select, goals, lambda log_q: torch.arange(16), dtype)
    exact, rounded = (torch.stack(each) for each in gains.values())
    assert exact.std() > 0.2
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.05)
