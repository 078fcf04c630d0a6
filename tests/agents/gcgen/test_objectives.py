"""How the GC-agent learns: each objective against numbers by hand and against enumeration."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from agents.gcgen.bound import compute_bound
from agents.gcgen.objectives import (
    OBJECTIVES,
    ExpertIteration,
    LeaveOneOut,
    PathConsistency,
    PolicyGradient,
)
from agents.gcgen.objectives.base import compute_returns
from agents.gcgen.objectives.leave_one_out import WEIGHT
from agents.gcgen.rollout import Trajectories, rollout
from agents.gcgen.search import SoftSearch
from gcgen_env.model.sampling import make_sampler
from tests.agents.conftest import make_model
from tests.agents.toys import (
    PIXELS,
    TYPED_PATHS,
    A,
    H,
    SoftOptimum,
    exact_log_prob,
    make_chain,
    make_goals,
    make_policy,
    roll_every_path,
)

GENERATOR = torch.Generator()
# [-4 + 9 - 2.5, -4 + 7 - 0.5] and [-6 + 8 - 0.5, -6 + 8 - 0.5].
RETURNS = torch.tensor([[2.5, 2.5], [1.5, 1.5]])


def make_objective(kind, values=((0.0, 0.0), (0.0, 0.0)), num_paths=1):
    """Make an objective of images of 4 values, whose V is given in units of 2 nats."""
    policy = SimpleNamespace(make_selection=lambda: None)
    chain = SimpleNamespace(shape=(4,), horizon=2)
    objective = kind(policy, chain, num_paths, GENERATOR)
    objective.values = lambda: torch.as_tensor(values)
    return objective


def test_returns_by_hand():
    assert compute_returns(TYPED_PATHS).tolist() == RETURNS.tolist()


def test_policy_gradient_by_hand():
    scaled = RETURNS / 2
    policy = -(scaled / (scaled.std() + 1e-8) * TYPED_PATHS.log_q).sum(1).mean()
    value = scaled.square().mean()
    torch.testing.assert_close(make_objective(PolicyGradient).loss(TYPED_PATHS), policy + value)


def test_a_single_decision_is_not_divided_by_its_spread():
    one = Trajectories(
        *(part[:1, -1:] for part in TYPED_PATHS[:4]),
        TYPED_PATHS.potential[:1, -2:],
        TYPED_PATHS.canvas[:1],
    )
    assert make_objective(PolicyGradient, [[0.0]]).loss(one).isfinite()


def test_leave_one_out_by_hand():
    advantage = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])  # each path minus the other
    policy = -(advantage * TYPED_PATHS.log_q).sum(1).mean()
    value = (RETURNS / 2).square().mean()
    loss = make_objective(LeaveOneOut, num_paths=2).loss(TYPED_PATHS)
    torch.testing.assert_close(loss, WEIGHT * policy + value)


def test_a_single_path_has_the_value_as_its_baseline():
    values = torch.tensor([[1.0, 1.0], [0.5, 0.5]])
    policy = -((RETURNS - 2 * values) * TYPED_PATHS.log_q).sum(1).mean()
    value = (RETURNS / 2 - values).square().mean()
    loss = make_objective(LeaveOneOut, values).loss(TYPED_PATHS)
    torch.testing.assert_close(loss, WEIGHT * policy + value)


def test_path_consistency_by_hand():
    values = torch.tensor([[1.0, 1.0], [0.5, 0.5]])
    expected = 0.5 * (values - RETURNS / 2).square().sum(1).mean()
    loss = make_objective(PathConsistency, values).loss(TYPED_PATHS)
    torch.testing.assert_close(loss, expected)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["network", "handwritten", "point"])
def test_the_soft_optimum_is_consistent(kind):
    """At q* with V*, every suffix of every path explains its value."""
    chain = make_chain(kind)
    optimum = SoftOptimum(chain, shaping=True)
    unit = math.sqrt(math.prod(chain.shape))
    for goal in make_goals(chain)[::3]:
        values = []

        def select(state, decision, values=values):
            value = optimum.soft_value(state.canvas, state.goal, int(state.step[0]))
            values.append(value / unit)
            return optimum(state, decision)

        path = roll_every_path(chain, select, goal)
        objective = PathConsistency(make_policy(chain), chain, 1, GENERATOR)
        objective.values = lambda values=values: torch.stack(values, 1)
        assert objective.loss(path).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", [PolicyGradient, LeaveOneOut])
def test_score_functions_point_along_the_gradient_of_the_expected_bound(kind):
    """The sum over all paths of q(tau) times the score-function gradient, with baseline 0.

    Advantages may be divided by their spread, so that only directions are compared.
    """
    chain, goal = make_chain("network"), torch.tensor([1.0, 0.0, 1.0]).view(PIXELS)
    policy = make_policy(chain, seed=3)
    torch.nn.init.zeros_(policy.value_net.weight)
    torch.nn.init.zeros_(policy.value_net.bias)
    parameters = list(policy.scorer.parameters())
    objective = kind(policy, chain, 1, GENERATOR)
    path = roll_every_path(chain, objective, goal)
    q = path.log_q.double().sum(1).exp()
    expected = torch.autograd.grad(
        (q * compute_bound(path).nll.double()).sum(), parameters, retain_graph=True
    )
    loss = objective.loss(path)
    (slope,) = torch.autograd.grad(loss, path.log_q, retain_graph=True)  # (A^H, H)
    weighted = (q[:, None].detach() * slope * path.log_q).sum()
    estimated = torch.autograd.grad(weighted, parameters)
    one, other = (torch.cat([g.flatten() for g in each]).double() for each in (expected, estimated))
    assert one.norm() > 1e-3
    torch.testing.assert_close(other / other.norm(), one / one.norm(), rtol=0, atol=1e-5)


def test_returns_are_the_part_of_the_bound_that_follows():
    chain, goal = make_chain("network"), torch.tensor([0.0, 1.0, 1.0]).view(PIXELS)
    path = roll_every_path(chain, make_policy(chain, seed=3).make_selection(), goal)
    nll, start = compute_bound(path).nll.detach(), path.potential[:, 0].detach()
    returns = compute_returns(path)
    torch.testing.assert_close(returns[:, 0], -nll - start)  # Phi(x_0) is what shaping adds
    gained = path.potential[:, -1] - path.potential[:, -2]
    last = gained - (path.log_q - path.log_prior)[:, -1]
    torch.testing.assert_close(returns[:, -1], last.detach())


def test_the_expert_is_the_two_step_search(monkeypatch):
    monkeypatch.setattr("agents.gcgen.objectives.expert_iteration.EXPERT_STEPS", H)
    chain = make_chain("network", nucleus=0.9)
    policy, goals = make_policy(chain, seed=2), make_goals(chain)
    objective = ExpertIteration(policy, chain, 1, GENERATOR)
    search, divergences = SoftSearch(policy.make_selection(), chain, width=4), []

    def select(state, decision):
        log_q = objective(state, decision)
        with torch.no_grad():
            beta = policy.selection.temperature(decision.progress)
            expert = search.improve(state, decision, log_q, beta)
            q = log_q.exp()
            terms = torch.where(q > 0, q * (log_q - expert), 0.0)
            divergences.append(terms.sum(1).mean())
        return log_q

    path = rollout(chain, select, goals, make_sampler(torch.Generator().manual_seed(0)))
    assert objective.expert_steps == set(range(H))
    loss = objective.loss(path)
    torch.testing.assert_close(loss - objective.value_loss(path), torch.stack(divergences).sum())
    loss.backward()
    assert policy.scorer.direction.weight.grad.any()
    assert policy.scorer.knots.grad.any()


def test_the_expert_is_computed_at_some_steps_only():
    chain = make_chain("network")
    chain = replace(chain, dynamics=replace(chain.dynamics, rate=torch.ones(9)))
    policy = make_policy(chain)
    steps = [ExpertIteration(policy, chain, 1, GENERATOR).expert_steps for _ in range(20)]
    assert {len(each) for each in steps} == {3}
    assert set().union(*steps) == set(range(9))


def test_values_are_those_of_the_states_of_the_rollout():
    chain = make_chain("network")
    policy, goals, decisions = make_policy(chain, seed=4), make_goals(chain), []
    objective = PolicyGradient(policy, chain, 1, GENERATOR)

    def select(state, decision):
        decisions.append(decision)
        return objective(state, decision)

    path = rollout(chain, select, goals, make_sampler(GENERATOR))
    selection = policy.make_selection()
    for h, decision in enumerate(decisions):
        expected = policy.value_net(selection.embed(decision))[:, 0]
        torch.testing.assert_close(objective.values()[:, h], expected)
        log_q = selection(None, decision).gather(1, path.action[:, h : h + 1])[:, 0]
        torch.testing.assert_close(path.log_q[:, h], log_q)
    error = objective.values() - compute_returns(path) / math.sqrt(3)
    torch.testing.assert_close(objective.value_loss(path), error.square().mean())


def train(kind, chain, policy, updates=600, repeats=8, learning_rate=1e-2):
    """Train on all goals of a toy; the rate falls to zero."""
    goals = make_goals(chain).repeat_interleave(repeats, 0)
    optimizer = torch.optim.Adam(policy.parameters(), lr=learning_rate)
    generator = torch.Generator().manual_seed(0)
    choose = make_sampler(generator)
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - update / updates)
        objective = kind(policy, chain, repeats, generator)
        loss = objective.loss(rollout(chain, objective, goals, choose))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def compare_with_the_optimum(chain, policy):
    """Return the worst KL(q || q*) over goals and first states, and the worst V(x_0) error."""
    goals = make_goals(chain)
    agent, exact = policy.make_selection(), SoftOptimum(chain, shaping=True)
    kls, values = [], []

    def select(state, decision):
        log_q = agent(state, decision)
        values.append(policy.value_net(agent.embed(decision))[:, 0])
        kls.append((log_q.exp() * (log_q - exact(state, decision))).sum(1))
        return log_q

    rollout(chain, select, goals, lambda log_q: log_q.argmax(1))
    unit = math.sqrt(math.prod(chain.shape))
    start = chain.likelihood.log_prob(chain.dynamics.start(len(goals)), goals)
    value = unit * values[0] + start
    return torch.stack(kls).mean().item(), (value - exact_log_prob(chain, goals)).abs().max().item()


@pytest.mark.parametrize("name", sorted(set(OBJECTIVES) - {"expert_iteration", "tree_search"}))
def test_the_learned_q_converges_to_the_soft_optimum(name):
    """From q = p_S without look-ahead: the score must learn all of q*, the value log p_S(g)."""
    chain = make_chain("handwritten")
    policy = make_policy(chain, look_ahead=None, width=64)
    before, _ = compare_with_the_optimum(chain, policy)
    train(OBJECTIVES[name], chain, policy)
    kl, error = compare_with_the_optimum(chain, policy)
    assert before > 0.01
    assert kl < 0.001
    assert error < 0.05


def test_expert_iteration_converges_to_its_expert():
    """The expert is the search by soft values, of all proposals."""
    chain = make_chain("handwritten")
    policy = make_policy(chain, look_ahead=(1.0, 1.0), width=64)
    train(ExpertIteration, chain, policy)
    agent = policy.make_selection()
    expert, kls = SoftSearch(agent, chain, A), []

    @torch.no_grad()
    def select(state, decision):
        log_q = agent(state, decision)
        kls.append((log_q.exp() * (log_q - expert(state, decision))).sum(1).mean().item())
        return log_q

    rollout(chain, select, make_goals(chain), lambda log_q: log_q.argmax(1))
    assert max(kls) < 0.01


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("train_s_agent", [True, False])
def test_every_objective_trains_a_model(name, train_s_agent):
    policy = "SearchPolicy" if name == "tree_search" else "GCPolicy"
    options = {"gc_objective": name, "train_s_agent": train_s_agent, "gc_learning_rate": 1e-2}
    model = make_model(policy=policy, **options)
    scorer = {k: v.clone() for k, v in model.policy.scorer.state_dict().items()}
    network = {k: v.clone() for k, v in model.s_agent.network.state_dict().items()}
    model.learn(3 * 16 * 8)
    assert all((model.policy.scorer.state_dict()[k] != v).any() for k, v in scorer.items())
    moved = any((model.s_agent.network.state_dict()[k] != v).any() for k, v in network.items())
    assert moved == train_s_agent


def test_paths_of_a_goal_are_adjacent(monkeypatch):
    rolled = []
    model = make_model(n_envs=24, train_s_agent=False)
    original = model._roll_out

    def record(goals, *rest):
        rolled.append(goals)
        return original(goals, *rest)

    monkeypatch.setattr(model, "_roll_out", record)
    model.learn(24 * 8)
    groups = rolled[0].view(3, 8, -1)
    assert (groups == groups[:, :1]).all()
    assert (groups[0] != groups[1]).any()


def test_unknown_objectives_are_refused():
    with pytest.raises(ValueError, match=r"gc_objective must be one of leave_one_out, .* 'ppo'"):
        make_model(gc_objective="ppo")
