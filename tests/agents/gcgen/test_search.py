"""Search at encoding time, against enumeration."""

import numpy as np
import pytest
import torch

from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.losses import compute_bound
from agents.gcgen.rollout import decide, rollout
from agents.gcgen.search import FixedCodes, SoftSearch, beam_search, compute_soft_values
from gcgen_env import GCGenVectorEnv
from gcgen_env.model.build import make_dataset
from gcgen_env.model.sampling import choose_best
from tests.agents.conftest import make_model
from tests.agents.toys import (
    KINDS,
    A,
    EnumeratedSelector,
    H,
    enumerate_paths,
    make_chain,
    make_goals,
    make_policy,
    roll_every_path,
)

NUCLEI = (1.0, 0.7)


@pytest.fixture(params=[(kind, nucleus) for kind in KINDS for nucleus in NUCLEI], ids=str)
def chain(request):
    return make_chain(*request.param)


def make_agent(chain, **kwargs):
    """A GC-agent that looks ahead at temperature 1 and has learned nothing."""
    return GCAgent(
        make_policy(chain, **{"look_ahead": (1.0, 1.0), "learned": False, **kwargs}), chain
    )


def make_decision(chain, step):
    """All goals at some canvases, at one step for each of them."""
    goals = make_goals(chain)
    generator = torch.Generator().manual_seed(0)
    canvas = 0.5 * torch.randn(len(goals), *chain.shape, generator=generator)
    return decide(chain, chain.offer(canvas, step), canvas, goals, step)


@torch.no_grad()
def expected_bound(chain, selector, goal):
    """Compute the bound of one goal (*S) by walking all paths."""
    path = roll_every_path(chain, selector, goal)
    q = path.log_q.double().sum(1).exp()
    return (q * compute_bound(path).nll.double())[q > 0].sum().item()


class TestSoftSearch:
    @torch.no_grad()
    @pytest.mark.parametrize(("steps", "h"), [(1, H - 2), (1, H - 1), (2, H - 3), (2, H - 2)])
    def test_is_the_soft_optimum_of_the_last_decisions(self, chain, steps, h):
        decision = make_decision(chain, torch.full((8,), h))
        log_q = SoftSearch(make_agent(chain), A, steps)(decision)
        exact = EnumeratedSelector(chain)(decision)
        torch.testing.assert_close(log_q.exp(), exact.exp(), rtol=0, atol=1e-5)

    def test_bounds_lower_than_look_ahead(self, chain):
        agent = make_agent(chain)
        search = SoftSearch(agent, width=A)
        nll = np.array(
            [[expected_bound(chain, s, g) for s in (agent, search)] for g in make_goals(chain)]
        )
        spared = nll[:, 0].mean() - nll[:, 1].mean()
        assert spared > (1e-5 if chain.nucleus == 1 else -1e-6)

    @torch.no_grad()
    def test_proposals_not_looked_behind_keep_their_share(self, chain):
        agent, decision = make_agent(chain), make_decision(chain, torch.zeros(8, dtype=torch.long))
        log_q = agent(decision)
        best, top = log_q.topk(2)
        value = compute_soft_values(chain, decision, top)
        mean = (best.softmax(1) * value).sum(1, keepdim=True)
        expected = (log_q + mean.expand(8, A).scatter(1, top, value)).log_softmax(1)
        torch.testing.assert_close(SoftSearch(agent, width=2)(decision), expected)
        one = SoftSearch(agent, width=1)(decision)  # nothing to compare with
        torch.testing.assert_close(one.exp(), log_q.exp())

    @torch.no_grad()
    def test_the_value_stands_in_for_what_the_agent_learned(self):
        chain = make_chain("network")
        agent = make_agent(chain, learned=True, seed=3, look_ahead=(0.3, 0.9))
        decision = make_decision(chain, torch.ones(8, dtype=torch.long))
        value = compute_soft_values(chain, decision, torch.arange(A).expand(8, A))
        beta = (0.3 + 0.6 / H) * agent.policy.scorer.temperature_factor(torch.tensor([1 / H]))
        known = decision.log_prior + beta * (decision.gain + value)
        log_q = SoftSearch(agent, width=A)(decision)
        torch.testing.assert_close(log_q, known.log_softmax(1), rtol=1e-4, atol=1e-5)
        own = agent(decision)
        worst = own.argmin(1, keepdim=True)
        odds = SoftSearch(agent, width=A - 1)(decision)  # all but the worst are looked behind
        rest = own.masked_fill(torch.zeros_like(own).scatter(1, worst, 1).bool(), -torch.inf)
        rise = (rest.softmax(1) * (known - own)).sum(1, keepdim=True)
        mixed = known.scatter(1, worst, own.gather(1, worst) + rise)
        torch.testing.assert_close(odds, mixed.log_softmax(1), rtol=1e-4, atol=1e-5)

    @torch.no_grad()
    def test_without_the_prior_all_valid_proposals_are_alike(self, chain):
        decision = make_decision(chain, torch.full((8,), H - 2))
        log_q = SoftSearch(make_agent(chain, prior=False), A)(decision)
        phi, logits = chain.likelihood.log_prob, torch.empty(8, A)
        goals = decision.goal.unsqueeze(1)
        for a in range(A):
            after = chain.choose(decision.canvas, decision.step, torch.full((8,), a))
            delta, log_prior = chain.propose(after, decision.step + 1)
            last = chain.dynamics.advance(after.unsqueeze(1), delta, decision.step + 1)
            valid = (log_prior > -torch.inf).double()
            reached = (
                valid * (phi(last, goals) - phi(decision.canvas, decision.goal)[:, None]).exp()
            )
            logits[:, a] = (reached.sum(1) / valid.sum(1)).log()
        expected = logits.masked_fill(decision.log_prior == -torch.inf, -torch.inf).softmax(1)
        torch.testing.assert_close(log_q.exp(), expected, rtol=1e-4, atol=1e-5)

    @torch.no_grad()
    def test_values_by_enumeration_whatever_the_steps(self, chain):
        step = torch.arange(8) % H
        decision = make_decision(chain, step)
        action = torch.tensor([[2, 0]]).expand(8, 2)
        values = compute_soft_values(chain, decision, action)
        assert not values[step == H - 1].any()
        for row in (step < H - 1).nonzero().flatten().tolist():
            x, g, h = (each[row : row + 1] for each in decision[:3])
            for column, a in enumerate((2, 0)):
                after = chain.choose(x, h, torch.tensor([a]))
                delta, log_prior = chain.propose(after, h + 1)
                reached = chain.dynamics.advance(after.unsqueeze(1), delta, h + 1)
                phi = chain.likelihood.log_prob
                gain = phi(reached, g.unsqueeze(1)) - phi(after, g)
                expected = (log_prior + gain).logsumexp(1)[0]
                torch.testing.assert_close(values[row, column], expected, rtol=1e-4, atol=1e-4)

    @torch.no_grad()
    def test_behind_the_best_alone_the_others_rise_as_they_do(self, monkeypatch):
        monkeypatch.setattr("agents.gcgen.search.INNER_WIDTH", 2)
        chain = make_chain("network")
        decision = make_decision(chain, torch.zeros(8, dtype=torch.long))
        action = torch.ones(8, 1, dtype=torch.long)
        x = chain.choose(decision.canvas, decision.step, action[:, 0])
        step = decision.step + 1
        after = decide(chain, chain.offer(x, step), x, decision.goal, step)
        logits = after.log_prior + after.gain
        best, top = logits.topk(2)
        value = compute_soft_values(chain, after, top)
        rise = (best.softmax(1) * value).sum(1, keepdim=True)
        expected = (logits + rise).scatter(1, top, best + value).logsumexp(1, keepdim=True)
        found = compute_soft_values(chain, decision, action, steps=2)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("steps", [1, 2])
    def test_memory_does_not_grow_with_the_width(self, monkeypatch, steps):
        chain = make_chain("network")
        decision = make_decision(chain, torch.zeros(8, dtype=torch.long))
        action = torch.arange(A).expand(8, A)
        whole = compute_soft_values(chain, decision, action, steps)
        monkeypatch.setattr("agents.gcgen.search._ROWS", 5)
        torch.testing.assert_close(compute_soft_values(chain, decision, action, steps), whole)


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
            monkeypatch.setattr("agents.gcgen.search._ROWS", 3)
            assert torch.equal(beam_search(chain, goals, width), codes)
            monkeypatch.undo()
        assert found[27] == min(found.values())

    @torch.no_grad()
    def test_goes_on_from_any_state(self):
        chain, goals = make_chain("network"), make_goals(make_chain("network"))
        whole = beam_search(chain, goals, width=A**H)
        step = torch.zeros(8, dtype=torch.long)
        after = chain.choose(chain.dynamics.start(8), step, whole[:, 0])
        assert torch.equal(beam_search(chain, goals, A**H, after, first=1), whole[:, 1:])


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A model, and eight environments with its S-agent."""
    model = make_model(updates=20, learning_rate=5e-3, env_kwargs={"nucleus": 0.9})
    path = model.s_agent.save(tmp_path_factory.mktemp("saved") / "s_agent")
    options = {**vars(model.env_config), "proposer": str(path)}
    return model, GCGenVectorEnv(8, autoreset_mode="Disabled", **options)


class TestPrediction:
    @pytest.mark.parametrize("search", ["two_step", "three_step", "beam"])
    def test_stepping_the_environment_is_encoding(self, pair, search):
        model, envs = pair
        obs, _ = envs.reset(seed=0)
        codes = []
        for _ in range(envs.config.horizon):
            action, state = model.predict(obs, deterministic=True, search=search, width=4)
            assert state is None
            codes.append(action)
            obs, _, _, _, info = envs.step(action)
            assert not info["invalid_action"].any()
        encoded = model.encode(obs["desired_goal"], search=search, width=4)
        # A beam begun anew in each state may find a better path than the one begun at x_0.
        agreement = (np.stack(codes, axis=1) == encoded).mean()
        assert agreement > (0.5 if search == "beam" else 0.95)
        over, _ = model.predict(obs, search=search)
        assert not over.any()

    @pytest.mark.parametrize("search", ["two_step", "three_step", "beam"])
    def test_one_observation_and_rows_at_different_steps(self, pair, search):
        model, envs = pair
        envs.reset(seed=0)
        obs, *_ = envs.step(np.zeros(8, dtype=int))
        mask = np.arange(8) < 3
        obs, _ = envs.reset(options={"reset_mask": mask})
        many, _ = model.predict(obs, deterministic=True, search=search, width=4)
        for row in (0, 7):
            one = {key: value[row] for key, value in obs.items()}
            action, _ = model.predict(one, deterministic=True, search=search, width=4)
            assert action.shape == ()
            assert action == many[row]

    def test_draws_vary(self, pair):
        model, envs = pair
        obs, _ = envs.reset(seed=0)
        draws = np.stack([model.predict(obs, search="two_step", width=8)[0] for _ in range(20)])
        assert (draws != draws[0]).any()
        assert obs["action_mask"][np.arange(8), draws].all()

    def test_other_proposals_are_refused(self, pair):
        model, _ = pair
        envs = GCGenVectorEnv(2, **{**vars(model.env_config), "proposer": "dictionary"})
        obs, _ = envs.reset(seed=0)
        with pytest.raises(ValueError, match="not those of the model's S-agent"):
            model.predict(obs, search="beam")

    def test_other_masks_are_refused(self, pair):
        model, envs = pair
        options = {**vars(envs.config), "nucleus": 0.3}
        obs, _ = GCGenVectorEnv(2, **options).reset(seed=0)
        with pytest.raises(ValueError, match="the model's nucleus"):
            model.predict(obs, search="beam")

    def test_unknown_searches_are_refused(self, pair):
        model, envs = pair
        with pytest.raises(ValueError, match="search must be one of"):
            model.predict(envs.reset(seed=0)[0], search="tree")


@pytest.fixture(scope="module")
def model():
    """The shipped S-agent: searches pay where the codes mean something."""
    return make_model(s_agent="pretrained", train_s_agent=False, s_agent_kwargs={})


@pytest.fixture(scope="module")
def digits(model):
    return make_dataset(model.env_config, "test").take(np.arange(64))


class TestModel:
    def test_looking_further_bounds_lower(self, model, digits):
        none, two, three = (
            model.evaluate_nll(digits, search=search, width=4)
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
            ({"search": "beam", "width": 0}, "width must be at least 1, got 0"),
        ],
    )
    @pytest.mark.parametrize("method", ["encode", "reconstruct", "evaluate_nll"])
    def test_unknown_searches_are_refused(self, model, digits, method, arguments, message):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(digits, **arguments)

    def test_a_beam_has_one_path(self, model, digits):
        with pytest.raises(ValueError, match="certain of one path for each image, got num_paths=2"):
            model.evaluate_nll(digits, num_paths=2, search="beam")
