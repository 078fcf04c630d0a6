"""How the GC-agent learns: each family against numbers by hand and against enumeration."""

import math

import pytest
import torch

from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.losses import compute_bound
from agents.gcgen.objectives import (
    OBJECTIVES,
    ExpertIteration,
    LeaveOneOut,
    PathConsistency,
    PolicyGradient,
)
from agents.gcgen.objectives.base import compute_returns
from agents.gcgen.objectives.leave_one_out import WEIGHT
from agents.gcgen.rollout import Path, rollout
from agents.gcgen.search import SoftSearch, improve
from gcgen_env.model.sampling import make_sampler
from tests.agents.conftest import make_model
from tests.agents.toys import (
    PIXELS,
    TYPED_PATH,
    A,
    EnumeratedSelector,
    H,
    exact_log_prob,
    make_chain,
    make_goals,
    make_policy,
    roll_every_path,
)

GENERATOR = torch.Generator()
# [-4 + 9 - 2.5, -4 + 7 - 0.5] and [-6 + 8 - 0.5, -6 + 8 - 0.5].
RETURNS = torch.tensor([[2.5, 2.5], [1.5, 1.5]])


class FixedValues:
    """Stands for a GC-agent whose values are given, in units of 2 nats."""

    chain = type("Chain", (), {"shape": (4,), "horizon": 2})

    def __init__(self, values):
        self._values = torch.as_tensor(values)

    def values(self):
        return self._values


def make_objective(kind, values=((0.0, 0.0), (0.0, 0.0)), num_paths=1):
    return kind(FixedValues(values), num_paths, GENERATOR)


def test_returns_by_hand():
    assert compute_returns(TYPED_PATH).tolist() == RETURNS.tolist()


def test_policy_gradient_by_hand():
    scaled = RETURNS / 2
    policy = -(scaled / (scaled.std() + 1e-8) * TYPED_PATH.log_q).sum(1).mean()
    value = scaled.square().mean()
    torch.testing.assert_close(make_objective(PolicyGradient).loss(TYPED_PATH), policy + value)


def test_one_decision_has_no_spread_to_divide_by():
    one = Path(
        *(part[:1, -1:] for part in TYPED_PATH[:4]),
        TYPED_PATH.potential[:1, -2:],
        TYPED_PATH.canvas[:1],
    )
    assert make_objective(PolicyGradient, [[0.0]]).loss(one).isfinite()


def test_leave_one_out_by_hand():
    advantage = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])  # each path minus the other
    policy = -(advantage * TYPED_PATH.log_q).sum(1).mean()
    value = (RETURNS / 2).square().mean()
    loss = make_objective(LeaveOneOut, num_paths=2).loss(TYPED_PATH)
    torch.testing.assert_close(loss, WEIGHT * policy + value)


def test_a_single_path_has_the_value_as_its_baseline():
    values = torch.tensor([[1.0, 1.0], [0.5, 0.5]])
    policy = -((RETURNS - 2 * values) * TYPED_PATH.log_q).sum(1).mean()
    value = (RETURNS / 2 - values).square().mean()
    loss = make_objective(LeaveOneOut, values).loss(TYPED_PATH)
    torch.testing.assert_close(loss, WEIGHT * policy + value)


def test_path_consistency_by_hand():
    values = torch.tensor([[1.0, 1.0], [0.5, 0.5]])
    expected = 0.5 * (values - RETURNS / 2).square().sum(1).mean()
    loss = make_objective(PathConsistency, values).loss(TYPED_PATH)
    torch.testing.assert_close(loss, expected)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["network", "handwritten", "point"])
def test_the_soft_optimum_is_consistent(kind):
    """At q* with V*, every suffix of every path explains its value."""
    chain = make_chain(kind)
    exact = EnumeratedSelector(chain, shaping=True)

    class Optimum:
        def __init__(self):
            self.chain, self.met = chain, []

        def __call__(self, decision):
            h = int(decision.step[0])
            self.met.append(exact.soft_value(decision.canvas, decision.goal, h))
            return exact(decision)

        def values(self):
            return torch.stack(self.met, 1) / math.sqrt(math.prod(chain.shape))

    for goal in make_goals(chain)[::3]:
        objective = PathConsistency(Optimum(), 1, GENERATOR)
        path = roll_every_path(chain, objective, goal)
        assert objective.loss(path).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", [PolicyGradient, LeaveOneOut])
def test_score_functions_point_along_the_gradient_of_the_expected_bound(kind):
    """Sum over all paths of q(tau) times the score-function gradient, with baseline 0.

    Advantages may be divided by their spread, so the two are compared as directions.
    """
    chain, goal = make_chain("network"), torch.tensor([1.0, 0.0, 1.0]).view(PIXELS)
    policy = make_policy(chain, seed=3)
    torch.nn.init.zeros_(policy.value_net.weight)
    torch.nn.init.zeros_(policy.value_net.bias)
    parameters = list(policy.scorer.parameters())
    objective = kind(GCAgent(policy, chain), 1, GENERATOR)
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


def test_the_value_is_regressed_on_what_the_bound_has_left_to_give():
    chain, goal = make_chain("network"), torch.tensor([0.0, 1.0, 1.0]).view(PIXELS)
    path = roll_every_path(chain, GCAgent(make_policy(chain, seed=3), chain), goal)
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
    objective = ExpertIteration(GCAgent(policy, chain), 1, GENERATOR)
    asked = []

    def select(decision):
        log_q = objective(decision)
        with torch.no_grad():
            beta = policy.selection.temperature(decision.step / H).unsqueeze(1)
            expert = improve(GCAgent(policy, chain), decision, log_q, 4, beta)
            q = log_q.exp()
            asked.append(torch.where(q > 0, q * (log_q - expert), 0.0).sum(1).mean())
        return log_q

    path = rollout(chain, select, goals, make_sampler(torch.Generator().manual_seed(0)))
    assert objective.asked == set(range(H))
    loss = objective.loss(path)
    torch.testing.assert_close(loss - objective.value_loss(path), torch.stack(asked).sum())
    loss.backward()
    assert policy.scorer.direction.weight.grad.any()
    assert policy.scorer.knots.grad.any()


def train(kind, chain, policy, updates=600, repeats=8, learning_rate=1e-2):
    """Train on all goals of a toy; the rate falls to zero."""
    goals = make_goals(chain).repeat_interleave(repeats, 0)
    optimizer = torch.optim.Adam(policy.parameters(), lr=learning_rate)
    generator = torch.Generator().manual_seed(0)
    choose = make_sampler(generator)
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - update / updates)
        objective = kind(GCAgent(policy, chain), repeats, generator)
        loss = objective.loss(rollout(chain, objective, goals, choose))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def compare_with_the_optimum(chain, policy):
    """Return the worst KL(q || q*) over goals and first states, and the worst V(x_0) error."""
    goals = make_goals(chain)
    agent, exact = GCAgent(policy, chain), EnumeratedSelector(chain, shaping=True)
    kls = []

    def select(decision):
        log_q = agent(decision)
        kls.append((log_q.exp() * (log_q - exact(decision))).sum(1))
        return log_q

    rollout(chain, select, goals, lambda log_q: log_q.argmax(1))
    unit = math.sqrt(math.prod(chain.shape))
    start = chain.likelihood.log_prob(chain.dynamics.start(len(goals)), goals)
    value = unit * agent.values()[:, 0] + start
    return torch.stack(kls).mean().item(), (value - exact_log_prob(chain, goals)).abs().max().item()


@pytest.mark.parametrize("name", [n for n in OBJECTIVES if n != "expert_iteration"])
def test_the_learned_q_converges_to_the_soft_optimum(name):
    """From q = p_S, no look-ahead: the score has all of it to learn, the value log p_S(g)."""
    chain = make_chain("handwritten")
    policy = make_policy(chain, look_ahead=None, width=64)
    before, _ = compare_with_the_optimum(chain, policy)
    train(OBJECTIVES[name], chain, policy)
    kl, error = compare_with_the_optimum(chain, policy)
    assert before > 0.01
    assert kl < 0.001
    assert error < 0.05


def test_expert_iteration_converges_to_its_expert():
    """With H = 2 left, two steps are all there is: the expert is the optimum."""
    chain = make_chain("handwritten")
    policy = make_policy(chain, look_ahead=(1.0, 1.0), width=64)
    train(ExpertIteration, chain, policy)
    agent, expert = GCAgent(policy, chain), SoftSearch(GCAgent(policy, chain), A)
    kls = []

    @torch.no_grad()
    def select(decision):
        log_q = agent(decision)
        kls.append((log_q.exp() * (log_q - expert(decision))).sum(1).mean().item())
        return log_q

    rollout(chain, select, make_goals(chain), lambda log_q: log_q.argmax(1))
    assert max(kls) < 0.01


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("train_s_agent", [True, False])
def test_every_family_trains_a_model(name, train_s_agent):
    model = make_model(gc_objective=name, train_s_agent=train_s_agent, gc_learning_rate=1e-2)
    scorer = {k: v.clone() for k, v in model.policy.scorer.state_dict().items()}
    network = {k: v.clone() for k, v in model.s_agent.network.state_dict().items()}
    model.learn(3 * 16 * 8)
    assert all((model.policy.scorer.state_dict()[k] != v).any() for k, v in scorer.items())
    moved = any((model.s_agent.network.state_dict()[k] != v).any() for k, v in network.items())
    assert moved == train_s_agent


def test_paths_of_a_goal_lie_side_by_side(monkeypatch):
    rolled = []
    model = make_model(n_envs=24, train_s_agent=False)
    original = model._roll_out

    def note(goals, *rest):
        rolled.append(goals)
        return original(goals, *rest)

    monkeypatch.setattr(model, "_roll_out", note)
    model.learn(24 * 8)
    groups = rolled[0].view(3, 8, -1)
    assert (groups == groups[:, :1]).all()
    assert (groups[0] != groups[1]).any()


def test_unknown_families_are_refused():
    with pytest.raises(ValueError, match=r"gc_objective must be one of expert_iteration, .* 'ppo'"):
        make_model(gc_objective="ppo")
