"""Tree search: what it finds, against enumeration, and what policy and values learn from it."""

import pytest
import torch

from agents.common.decision import INVALID_LOGIT, State, decide
from agents.gcgen.objectives import TreeSearch
from agents.gcgen.objectives import tree_search as module
from agents.gcgen.rollout import rollout
from agents.gcgen.search_policy import SHARE, SearchPolicy
from gcgen_env.model.sampling import make_sampler
from tests.agents.toys import A, H, make_chain, make_goals, make_policy, randomise


@pytest.fixture(params=["network", "handwritten", "point"])
def chain(request):
    return make_chain(request.param)


def make_search(chain, policy=None):
    policy = policy or make_policy(chain, SearchPolicy, horizon=H, prior=False)
    return TreeSearch(policy, chain, 1, torch.Generator().manual_seed(0))


def decide_at(chain, h):
    state = State(chain.dynamics.start(8), make_goals(chain), torch.full((8,), h))
    return state, decide(chain, chain.propose(state.canvas, state.step), state)


def enumerate_two(chain, state):
    """Return the largest gain of two decisions for each first one, shape (8, A)."""
    before, best = chain.likelihood.log_prob(state.canvas, state.goal), []
    for a in range(A):
        x = chain.choose(state.canvas, state.step, torch.full((8,), a))
        ends = [chain.choose(x, state.step + 1, torch.full((8,), b)) for b in range(A)]
        best.append(torch.stack([chain.likelihood.log_prob(e, state.goal) for e in ends]).amax(0))
    return torch.stack(best, 1) - before[:, None]


@torch.no_grad()
def test_a_fresh_search_looks_two_decisions_ahead(chain, monkeypatch):
    """V is 0, so Q is what two decisions gain; here the search expands every proposal."""
    monkeypatch.setattr(module, "MOST_SHARE", 1)
    objective, (state, decision) = make_search(chain), decide_at(chain, H - 2)
    objective(state, decision)
    torch.testing.assert_close(
        objective.searched[0].q, enumerate_two(chain, state), rtol=1e-4, atol=1e-4
    )


@torch.no_grad()
def test_the_last_decision_is_exact_whatever_is_learned(chain):
    policy = make_policy(chain, SearchPolicy, horizon=H, prior=False)
    for each in (policy.values, policy.averaged_values, policy.mlp_extractor.next_scores):
        torch.nn.init.normal_(each.network.output.weight)
    objective = make_search(chain, policy)
    for h in range(H):
        state, decision = decide_at(chain, h)
        objective(state, decision)
    torch.testing.assert_close(objective.searched[-1].q, decision.gain)
    logits = policy.make_selection().logits(decision, None)
    assert (logits.argmax(1) == decision.gain.argmax(1)).all()


@torch.no_grad()
def test_invalid_proposals_are_never_searched():
    chain = make_chain("network", nucleus=0.7)
    objective, (state, decision) = make_search(chain), decide_at(chain, 0)
    log_q, invalid = objective(state, decision), decision.log_prior == -torch.inf
    assert invalid.any() and (log_q[invalid] <= INVALID_LOGIT).all()
    assert (objective.searched[0].q[invalid] == INVALID_LOGIT).all()
    torch.testing.assert_close(log_q.exp().sum(1), torch.ones(8))


def test_policy_and_values_have_gradients_and_the_average_has_none(chain):
    policy = make_policy(chain, SearchPolicy, horizon=H, prior=False)
    randomise(policy)
    objective = make_search(chain, policy)
    path = rollout(chain, objective, make_goals(chain), make_sampler(torch.Generator()))
    objective.loss(path).backward()
    assert policy.values.network.output.weight.grad.abs().sum() > 0
    assert policy.mlp_extractor.next_scores.network.output.weight.grad.abs().sum() > 0
    assert all(each.grad is None for each in policy.averaged_values.parameters())


def test_the_average_follows_the_values(chain):
    policy = make_policy(chain, SearchPolicy, horizon=H)
    torch.nn.init.ones_(policy.values.network.output.bias)
    policy.average()
    assert policy.averaged_values.network.output.bias.item() == pytest.approx(SHARE)
