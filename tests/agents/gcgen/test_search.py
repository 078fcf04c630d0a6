"""Search at encoding time, against enumeration."""

import numpy as np
import pytest
import torch

from agents.common.decision import INVALID_LOGIT, State, decide
from agents.gcgen.bound import compute_bound
from agents.gcgen.rollout import rollout
from agents.gcgen.search import FixedCodes, SoftSearch, beam_search, compute_soft_values
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.likelihoods import Bernoulli
from gcgen_env.model.sampling import choose_best
from tests.agents.conftest import make_model
from tests.agents.toys import (
    KINDS,
    A,
    H,
    SoftOptimum,
    enumerate_paths,
    make_chain,
    make_goals,
    make_policy,
    propose_all,
    roll_every_path,
)

NUCLEI = (1.0, 0.7)


@pytest.fixture(params=[(kind, nucleus) for kind in KINDS for nucleus in NUCLEI], ids=str)
def chain(request):
    return make_chain(*request.param)


def make_agent(chain, **kwargs):
    """Make a GC-agent that looks ahead at temperature 1 and has learned nothing."""
    options = {"look_ahead": (1.0, 1.0), "learned": False, **kwargs}
    return make_policy(chain, **options).make_selection()


def make_decision(chain, step):
    """Return all goals at random canvases, each at its step, and the decisions there."""
    goals = make_goals(chain)
    generator = torch.Generator().manual_seed(0)
    canvas = 0.5 * torch.randn(len(goals), *chain.shape, generator=generator)
    state = State(canvas, goals, step)
    return state, decide(chain, chain.propose(canvas, step), state)


@torch.no_grad()
def expected_bound(chain, agent, goal):
    """Compute the bound of one goal (*S) by walking all paths."""
    path = roll_every_path(chain, agent, goal)
    q = path.log_q.double().sum(1).exp()
    return (q * compute_bound(path).nll.double())[q > 0].sum().item()


class TestSoftSearch:
    @torch.no_grad()
    @pytest.mark.parametrize(("steps", "h"), [(1, H - 2), (1, H - 1), (2, H - 3), (2, H - 2)])
    def test_is_the_soft_optimum_of_the_last_decisions(self, chain, steps, h):
        state, decision = make_decision(chain, torch.full((8,), h))
        log_q = SoftSearch(make_agent(chain), chain, A, steps)(state, decision)
        exact = SoftOptimum(chain)(state, decision)
        torch.testing.assert_close(log_q.exp(), exact.exp(), rtol=0, atol=1e-5)

    def test_bounds_lower_than_look_ahead(self, chain):
        agent = make_agent(chain)
        search = SoftSearch(agent, chain, width=A)
        nll = np.array(
            [[expected_bound(chain, s, g) for s in (agent, search)] for g in make_goals(chain)]
        )
        spared = nll[:, 0].mean() - nll[:, 1].mean()
        assert spared > (1e-5 if chain.nucleus == 1 else -1e-6)

    @torch.no_grad()
    def test_proposals_not_expanded_keep_their_share(self, chain):
        agent = make_agent(chain)
        state, decision = make_decision(chain, torch.zeros(8, dtype=torch.long))
        log_q = agent(state, decision)
        best, top = log_q.topk(2)
        value = compute_soft_values(chain, state, top)
        mean = (best.softmax(1) * value).sum(1, keepdim=True)
        expected = (log_q + mean.expand(8, A).scatter(1, top, value)).log_softmax(1)
        found = SoftSearch(agent, chain, width=2)(state, decision)
        torch.testing.assert_close(found, expected)
        one = SoftSearch(agent, chain, width=1)(state, decision)  # nothing to compare with
        torch.testing.assert_close(one.exp(), log_q.exp())

    @torch.no_grad()
    def test_the_value_replaces_the_learned_score(self):
        chain = make_chain("network")
        agent = make_agent(chain, learned=True, seed=3, look_ahead=(0.3, 0.9))
        state, decision = make_decision(chain, torch.ones(8, dtype=torch.long))
        value = compute_soft_values(chain, state, torch.arange(A).expand(8, A))
        beta = (0.3 + 0.6 / H) * agent.scorer.temperature_factor(torch.tensor([1 / H]))
        known = decision.log_prior + beta * (decision.gain + value)
        log_q = SoftSearch(agent, chain, width=A)(state, decision)
        torch.testing.assert_close(log_q, known.log_softmax(1), rtol=1e-4, atol=1e-5)
        own = agent(state, decision)
        worst = own.argmin(1, keepdim=True)
        odds = SoftSearch(agent, chain, width=A - 1)(state, decision)  # all but the worst
        rest = own.masked_fill(torch.zeros_like(own).scatter(1, worst, 1).bool(), -torch.inf)
        rise = (rest.softmax(1) * (known - own)).sum(1, keepdim=True)
        mixed = known.scatter(1, worst, own.gather(1, worst) + rise)
        torch.testing.assert_close(odds, mixed.log_softmax(1), rtol=1e-4, atol=1e-5)

    @torch.no_grad()
    def test_without_the_prior_all_valid_proposals_are_equally_probable(self, chain):
        state, decision = make_decision(chain, torch.full((8,), H - 2))
        log_q = SoftSearch(make_agent(chain, prior=False), chain, A)(state, decision)
        phi, logits = chain.likelihood.log_prob, torch.empty(8, A)
        goals = state.goal.unsqueeze(1)
        for a in range(A):
            after = chain.choose(state.canvas, state.step, torch.full((8,), a))
            delta, log_prior = propose_all(chain, after, state.step + 1)
            last = chain.dynamics.advance(after.unsqueeze(1), delta, state.step + 1)
            valid = (log_prior > -torch.inf).double()
            reached = valid * (phi(last, goals) - phi(state.canvas, state.goal)[:, None]).exp()
            logits[:, a] = (reached.sum(1) / valid.sum(1)).log()
        expected = logits.masked_fill(decision.log_prior == -torch.inf, -torch.inf).softmax(1)
        torch.testing.assert_close(log_q.exp(), expected, rtol=1e-4, atol=1e-5)

    @torch.no_grad()
    def test_values_by_enumeration_whatever_the_steps(self, chain):
        step = torch.arange(8) % H
        state, _ = make_decision(chain, step)
        action = torch.tensor([[2, 0]]).expand(8, 2)
        values = compute_soft_values(chain, state, action)
        assert not values[step == H - 1].any()
        for row in (step < H - 1).nonzero().flatten().tolist():
            x, g, h = (each[row : row + 1] for each in state[:3])
            for column, a in enumerate((2, 0)):
                after = chain.choose(x, h, torch.tensor([a]))
                delta, log_prior = propose_all(chain, after, h + 1)
                reached = chain.dynamics.advance(after.unsqueeze(1), delta, h + 1)
                phi = chain.likelihood.log_prob
                gain = phi(reached, g.unsqueeze(1)) - phi(after, g)
                expected = (log_prior + gain).logsumexp(1)[0]
                torch.testing.assert_close(values[row, column], expected, rtol=1e-4, atol=1e-4)

    @torch.no_grad()
    def test_proposals_outside_the_inner_width_rise_with_the_best(self, monkeypatch):
        monkeypatch.setattr("agents.gcgen.search.INNER_WIDTH", 2)
        chain = make_chain("network")
        state, _ = make_decision(chain, torch.zeros(8, dtype=torch.long))
        action = torch.ones(8, 1, dtype=torch.long)
        x = chain.choose(state.canvas, state.step, action[:, 0])
        next_state = State(x, state.goal, state.step + 1)
        after = decide(chain, chain.propose(x, next_state.step), next_state)
        logits = after.log_prior + after.gain
        best, top = logits.topk(2)
        value = compute_soft_values(chain, next_state, top)
        rise = (best.softmax(1) * value).sum(1, keepdim=True)
        expected = (logits + rise).scatter(1, top, best + value).logsumexp(1, keepdim=True)
        found = compute_soft_values(chain, state, action, steps=2)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("steps", [1, 2])
    def test_memory_does_not_grow_with_the_width(self, monkeypatch, steps):
        chain = make_chain("network")
        state, _ = make_decision(chain, torch.zeros(8, dtype=torch.long))
        action = torch.arange(A).expand(8, A)
        whole = compute_soft_values(chain, state, action, steps)
        sizes = []
        monkeypatch.setattr("agents.gcgen.search._BATCH", 5)
        monkeypatch.setattr(
            "agents.gcgen.search.decide",
            lambda chain, proposals, state: (
                sizes.append(len(state.step)) or decide(chain, proposals, state)
            ),
        )
        torch.testing.assert_close(compute_soft_values(chain, state, action, steps), whole)
        assert max(sizes) == 5


class TestFixedCodes:
    def test_the_given_codes_are_certain(self):
        codes = torch.tensor([[2, 0, 1], [1, 1, 0]])
        chain = make_chain("network")
        for h in range(H):
            state = State(chain.dynamics.start(2), make_goals(chain)[:2], torch.full((2,), h))
            decision = decide(chain, chain.propose(state.canvas, state.step), state)
            log_q = FixedCodes(codes)(state, decision)
            assert log_q.argmax(1).tolist() == codes[:, h].tolist()
            assert log_q.amax(1).tolist() == [0.0, 0.0]
            assert log_q.sum(1).tolist() == [2 * INVALID_LOGIT] * 2


class TestBeam:
    @torch.no_grad()
    def test_a_wide_beam_finds_the_best_of_all_paths(self, chain):
        goals, paths = make_goals(chain), enumerate_paths(chain)
        log_likelihood = chain.likelihood.log_prob(paths.canvas[-1], goals.unsqueeze(1))
        joint = paths.log_prior.sum(1) + log_likelihood  # (8, A^H)
        codes = beam_search(chain, goals, width=A**H)
        assert torch.equal(codes, paths.action[joint.argmax(1)])
        path = rollout(chain, FixedCodes(codes), goals, choose_best)
        assert torch.equal(path.action, codes)
        assert not path.log_q.any()
        torch.testing.assert_close(compute_bound(path).nll, -joint.amax(1), rtol=1e-5, atol=1e-5)

    @torch.no_grad()
    def test_a_beam_of_one_is_greedy(self, chain):
        goals = make_goals(chain)
        path = rollout(chain, make_agent(chain), goals, choose_best)
        assert torch.equal(beam_search(chain, goals, width=1), path.action)

    @torch.no_grad()
    def test_wider_beams_find_better_paths_in_batches_of_any_size(self, monkeypatch):
        chain, goals = make_chain("network"), make_goals(make_chain("network"))
        found = {}
        for width in (1, 2, 4, 27):
            codes = beam_search(chain, goals, width)
            nll = compute_bound(rollout(chain, FixedCodes(codes), goals, choose_best)).nll
            found[width] = nll.mean().item()
            monkeypatch.setattr("agents.gcgen.search._BATCH", 3)
            assert torch.equal(beam_search(chain, goals, width), codes)
            monkeypatch.undo()
        assert found[27] == min(found.values())

    @torch.no_grad()
    def test_starts_from_any_state(self):
        chain, goals = make_chain("network"), make_goals(make_chain("network"))
        whole = beam_search(chain, goals, width=A**H)
        step = torch.zeros(8, dtype=torch.long)
        after = chain.choose(chain.dynamics.start(8), step, whole[:, 0])
        assert torch.equal(beam_search(chain, goals, A**H, after, first=1), whole[:, 1:])


@pytest.fixture(scope="module")
def model():
    """The shipped S-agent and its ramp: searches pay where the codes mean something."""
    terms = {"look_ahead": (0.8, 1.0)}
    options = {"s_agent": "pretrained", "s_agent_kwargs": {}, "policy_kwargs": terms}
    return make_model(train_s_agent=False, **options)


@pytest.fixture(scope="module")
def digits(model):
    return model.load_split("test").take(np.arange(64))


class TestModel:
    def test_looking_further_bounds_lower(self, model):
        images = model.load_split("test").take(np.arange(360))  # gains are small: many images
        none, two, three = (
            model.evaluate_nll(images, search=search, width=4)
            for search in ("none", "two_step", "three_step")
        )
        assert max(two.nll, three.nll) < none.nll - 0.1
        assert three.name == "-ELBO"

    def test_a_wider_beam_bounds_lower(self, model, digits):
        narrow, wide = (model.evaluate_nll(digits, search="beam", width=width) for width in (1, 16))
        assert wide.nll < narrow.nll - 0.2
        assert wide.reconstruction < model.evaluate_nll(digits).reconstruction

    @pytest.mark.parametrize("search", ["two_step", "three_step", "beam"])
    def test_codes_are_deterministic_and_decode_to_the_reconstruction(self, model, digits, search):
        codes = model.encode(digits, search=search, width=4)
        np.testing.assert_array_equal(codes, model.encode(digits, search=search, width=4))
        rebuilt = model.reconstruct(digits, search=search, width=4)
        np.testing.assert_array_equal(rebuilt, model.decode(codes))
        assert (codes != model.encode(digits)).any()

    def test_many_paths_of_a_two_step_search(self, model, digits):
        one, many = (
            model.evaluate_nll(digits, num_paths=m, search="two_step", width=4) for m in (1, 8)
        )
        assert many.nll < one.nll

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"search": "tree"}, "must be one of none, two_step, three_step, beam; got 'tree'"),
            (
                {"search": "beam", "width": 0},
                "width must be at least 1 .a search keeps a path., got 0",
            ),
            ({"search": "beam", "width": 2.5}, "width must be an integer, got 2.5"),
            ({"search": "two_step", "width": "8"}, "width must be an integer, got '8'"),
        ],
    )
    @pytest.mark.parametrize("method", ["encode", "reconstruct", "evaluate_nll"])
    def test_unknown_searches_are_refused(self, model, digits, method, arguments, message):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(digits, **arguments)

    def test_a_beam_has_one_path(self, model, digits):
        with pytest.raises(
            ValueError, match="a beam search finds one path for each image, got num_paths=2"
        ):
            model.evaluate_nll(digits, num_paths=2, search="beam")


def test_a_beam_wider_than_memory_is_refused_before_it_is_searched():
    dynamics = Dynamics(torch.zeros(1, 8, 8), torch.ones(30))
    chain = Chain(DictionaryProposer((1, 8, 8), 64, 30), dynamics, Bernoulli(3))
    goal = torch.zeros(2, 1, 8, 8)
    message = "a beam search of width 10,000,000,000 would take .* GB.*: use a smaller width"
    with pytest.raises(MemoryError, match=message):
        beam_search(chain, goal, width=10**10)
    codes = beam_search(chain, goal, width=10**10, first=29)  # one decision has 64 paths only
    assert codes.shape == (2, 1)
