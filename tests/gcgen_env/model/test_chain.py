"""The chain: its transition, its pruned prior, its proposals and the images of next states."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gcgen_env.model import chain as chain_module
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.nucleus import prune_prior
from gcgen_env.model.parts import split_batch

SHAPE, A, H = (1, 4, 4), 6, 3
INF = math.inf
RATE = torch.tensor([1.0, 0.5, 0.25])
ACTIVE = torch.arange(16).view(SHAPE) % 3 == 0
SHAPES = pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 7, 5)], ids=str)


class Minimal:
    """A proposer with `propose` alone; its prior depends on canvas and step."""

    def propose(self, canvas, step):
        values = canvas.flatten(1)[:, :A]
        delta = torch.sin(values[..., None, None, None] * (1 + torch.arange(16.0).view(SHAPE)))
        return delta, (2 * values + step[:, None]).log_softmax(-1)


def make_network(active=None):
    torch.manual_seed(0)
    network = ProposalNetwork(NetworkConfig(SHAPE, A, H, "gaussian", width=16), active)
    torch.nn.init.normal_(network.prior_head.weight)
    return network


PROPOSERS = {
    "minimal": Minimal,
    "dictionary": lambda: DictionaryProposer(SHAPE, A, H),
    "network": make_network,
    "network of some values": lambda: make_network(ACTIVE),
}


@pytest.fixture(params=PROPOSERS)
def chain(request):
    dynamics = Dynamics(torch.linspace(0, 1, 16).view(SHAPE), RATE)
    return Chain(PROPOSERS[request.param](), dynamics, Gaussian(3), nucleus=0.7)


@pytest.fixture
def states():
    """Return canvases, steps and actions, 12 of each."""
    generator = torch.Generator().manual_seed(0)
    canvas = torch.rand(12, *SHAPE, generator=generator)
    return canvas, torch.arange(12) % H, torch.randint(A, (12,), generator=generator)


class TestProposals:
    def test_shape_and_horizon(self, chain):
        assert chain.shape == SHAPE and chain.horizon == H

    @torch.no_grad()
    def test_choosing_is_proposing_then_gathering(self, chain, states):
        canvas, step, action = states
        delta = chain.proposer.propose(canvas, step)[0][torch.arange(12), action]
        chosen = chain.choose(canvas, step, action)
        expected = canvas + RATE[step].view(-1, 1, 1, 1) * delta
        torch.testing.assert_close(chosen, expected, rtol=1e-6, atol=1e-6)

    @torch.no_grad()
    def test_the_prior_is_normalised_over_the_valid_proposals(self, chain, states):
        canvas, step, _ = states
        log_prior = chain.propose(canvas, step).log_prior
        assert log_prior.shape == (12, A)
        assert not log_prior.isfinite().all()
        torch.testing.assert_close(log_prior.exp().sum(-1), torch.ones(12))

    @torch.no_grad()
    def test_the_prior_is_that_of_the_proposer_pruned(self, chain, states):
        canvas, step, _ = states
        expected = prune_prior(chain.proposer.propose(canvas, step)[1], 0.7)
        for need_all in (True, False):
            log_prior = chain.propose(canvas, step, need_all=need_all).log_prior
            torch.testing.assert_close(log_prior, expected, rtol=1e-6, atol=1e-6)

    @torch.no_grad()
    @pytest.mark.parametrize("need_all", [True, False])
    def test_changes_on_demand_are_those_of_the_proposer(self, chain, states, need_all):
        canvas, step, action = states
        delta, _ = chain.proposer.propose(canvas, step)
        proposals = chain.propose(canvas, step, need_all=need_all)
        close = {"rtol": 1e-6, "atol": 1e-6}
        assert torch.equal(proposals.x, chain.compress(canvas))
        chosen = delta[torch.arange(12), action]
        torch.testing.assert_close(proposals.chosen(action), chosen, **close)
        torch.testing.assert_close(proposals.all(torch.float32), chain.compress(delta), **close)
        assert proposals.all(torch.bfloat16).dtype == torch.float32
        proposals.all(torch.float32).fill_(torch.nan)  # the caller may overwrite the result
        torch.testing.assert_close(proposals.all(torch.float32), chain.compress(delta), **close)
        torch.testing.assert_close(proposals.chosen(action), chosen, **close)

    @torch.no_grad()
    def test_proposals_of_one_state_in_a_batch_are_those_of_each(self, chain, states):
        canvas, step = states[0][:1].expand(12, *SHAPE), torch.ones(12, dtype=torch.int64)
        once = chain.propose(canvas, step, same_state=True)
        each = chain.propose(canvas, step)
        close = {"rtol": 1e-6, "atol": 1e-6}
        torch.testing.assert_close(once.log_prior, each.log_prior, **close)
        torch.testing.assert_close(once.chosen(states[2]), each.chosen(states[2]), **close)
        torch.testing.assert_close(once.all(torch.float32), each.all(torch.float32), **close)

    def test_gradient_flows_through_the_chosen_proposals_alone(self, states):
        canvas, step, action = states
        dynamics = Dynamics(torch.zeros(SHAPE), torch.ones(H))
        network = make_network()
        proposals = Chain(network, dynamics, Gaussian(3)).propose(canvas, step)
        assert not proposals.all(torch.float32).requires_grad
        proposals.chosen(action).sum().backward()
        assert network.head.weight.grad.any()

    @torch.no_grad()
    def test_the_probabilities_of_all_paths_sum_to_one(self, chain):
        codes = torch.tensor(list(itertools.product(range(A), repeat=H)))  # (A^H, H)
        canvas, log_prob = chain.dynamics.start(len(codes)), torch.zeros(len(codes))
        for h in range(H):
            step = torch.full((len(codes),), h)
            log_prior = chain.propose(canvas, step, need_all=False).log_prior
            log_prob += log_prior.gather(1, codes[:, h : h + 1]).squeeze(1)
            canvas = chain.choose(canvas, step, codes[:, h])
        assert log_prob.exp().sum() == pytest.approx(1, abs=1e-5)


class Fixed:
    """Proposes the same two changes of a point in every state."""

    def propose(self, canvas, step):
        delta = torch.tensor([[2.0, -1.0], [0.0, 4.0]]).expand(len(canvas), 2, 2)
        return delta, torch.full((len(canvas), 2), -math.log(2))


class TestNextImages:
    @pytest.mark.parametrize(
        ("likelihood", "image"),
        [
            (Gaussian(1, -1.0, 1.0), [[[1.0, 0.0], [0.5, 1.0]], [[0.5, -0.25], [0.0, 1.0]]]),
            (Bernoulli(1), None),
        ],
        ids=lambda x: getattr(x, "name", ""),
    )
    def test_by_hand(self, likelihood, image):
        chain = Chain(Fixed(), Dynamics(torch.zeros(2), torch.tensor([1.0, 0.25])), likelihood)
        x, step = torch.tensor([[0.5, 1.0], [0.0, 0.0]]), torch.tensor([0, 1])
        canvas, images = chain.next_images(chain.propose(x, step), step)
        expected = [[[2.5, 0.0], [0.5, 5.0]], [[0.5, -0.25], [0.0, 1.0]]]
        assert canvas.tolist() == expected
        image = 1 / (1 + np.exp(-np.array(expected))) if image is None else image
        np.testing.assert_allclose(images, image, rtol=1e-6)

    @torch.no_grad()
    @pytest.mark.parametrize("part_bytes", [1, 1 << 10, 1 << 30])
    def test_are_the_means_of_all_advanced_canvases(self, chain, states, part_bytes, monkeypatch):
        monkeypatch.setattr(chain_module, "PART_BYTES", part_bytes)
        x, step, _ = states
        delta, _ = chain.proposer.propose(x, step)
        reached = chain.dynamics.advance(x.unsqueeze(1), delta, step)
        canvas, image = chain.next_images(chain.propose(x, step), step)
        close = {"rtol": 1e-6, "atol": 1e-6}
        torch.testing.assert_close(canvas, chain.compress(reached), **close)
        torch.testing.assert_close(image, chain.compress(reached.clamp(0, 1)), **close)

    @torch.no_grad()
    def test_are_written_where_the_caller_wants_them(self, chain, states):
        x, step, _ = states
        expected = torch.stack(chain.next_images(chain.propose(x, step), step))
        out = torch.full_like(expected, torch.nan)
        chain.next_images(chain.propose(x, step), step, out=out)
        assert torch.equal(out, expected)

    @torch.no_grad()
    def test_measuring_gives_the_images_and_their_likelihoods(self, chain, states):
        x, step, _ = states
        goal = chain.compress(torch.rand(12, *SHAPE))
        _, expected = chain.next_images(chain.propose(x, step), step)
        proposals = chain.propose(x, step)
        delta = proposals.all(torch.float32)
        image, log_prob = chain.measure_next_(proposals.x, delta, step, goal)
        torch.testing.assert_close(image, expected, rtol=1e-6, atol=1e-6)
        z = (goal.unsqueeze(1) - expected).double() / 0.1
        by_hand = (-0.5 * z**2 - math.log(0.1) - 0.5 * math.log(2 * math.pi)).sum(-1)
        torch.testing.assert_close(log_prob.double(), by_hand, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("num_bytes", "expected"),
    [
        (0, [(0, 5)]),
        (100, [(0, 5)]),
        (101, [(0, 2), (2, 5)]),
        (10**6, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]),
    ],
)
def test_a_batch_is_split_into_as_few_slices_as_fit(num_bytes, expected):
    assert [(part.start, part.stop) for part in split_batch(5, num_bytes, 100)] == expected


def make_dynamics(shape, horizon=3):
    generator = torch.Generator().manual_seed(0)
    return Dynamics(
        torch.randn(shape, generator=generator), torch.rand(horizon, generator=generator)
    )


class TestDynamics:
    def test_transition_by_hand(self):
        dynamics = Dynamics(torch.zeros(2), torch.tensor([1.0, 0.5]))
        canvas = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        delta = torch.tensor([[10.0, -10.0], [2.0, 4.0]])
        reached = dynamics.advance(canvas, delta, torch.tensor([0, 1]))
        assert reached.tolist() == [[11.0, -8.0], [4.0, 6.0]]
        assert canvas.tolist() == [[1.0, 2.0], [3.0, 4.0]]  # unchanged

    def test_horizon_is_the_number_of_rates(self):
        assert make_dynamics((2,), horizon=7).horizon == 7

    @SHAPES
    def test_start_gives_copies_with_their_own_memory(self, shape):
        dynamics = make_dynamics(shape)
        before = dynamics.initial.clone()
        canvas = dynamics.start(3)
        assert canvas.shape == (3, *shape)
        assert all(torch.equal(each, before) for each in canvas)
        canvas[0] += 1
        assert torch.equal(canvas[1], before) and torch.equal(dynamics.initial, before)

    @SHAPES
    def test_all_proposals_together_are_each_alone_bit_for_bit(self, shape):
        dynamics = make_dynamics(shape)
        generator = torch.Generator().manual_seed(1)
        canvas = torch.randn(5, *shape, generator=generator)
        delta = torch.randn(5, 4, *shape, generator=generator)
        step = torch.tensor([0, 1, 2, 2, 0])
        together = dynamics.advance(canvas[:, None], delta, step)
        assert together.shape == delta.shape
        for b, a in itertools.product(range(5), range(4)):
            one = dynamics.advance(canvas[b : b + 1], delta[b : b + 1, a], step[b : b + 1])
            assert torch.equal(one[0], together[b, a])

    @SHAPES
    def test_transition_recomputed_in_numpy(self, shape):
        dynamics = make_dynamics(shape)
        canvas, delta = dynamics.start(3), torch.ones(3, *shape)
        reached = dynamics.advance(canvas, delta, torch.arange(3))
        for h in range(3):
            expected = dynamics.initial.double().numpy() + float(dynamics.rate[h])
            np.testing.assert_allclose(reached[h], expected, rtol=1e-6, atol=1e-7)

    def test_gradient_of_the_delta_is_the_rate(self):
        dynamics = make_dynamics((2,))
        delta = torch.zeros(3, 2, requires_grad=True)
        dynamics.advance(dynamics.start(3), delta, torch.arange(3)).sum().backward()
        assert torch.equal(delta.grad, dynamics.rate[:, None].expand(3, 2))

    def test_to_moves_both_tensors(self):
        moved = make_dynamics((2,)).to("meta")
        assert moved.initial.device.type == moved.rate.device.type == "meta"

    def test_starts_are_contiguous_whatever_the_initial_image(self):
        initial = torch.arange(6.0).view(1, 2, 3).transpose(1, 2)
        start = Dynamics(initial, torch.ones(2)).start(1)
        assert start.is_contiguous()
        assert torch.equal(start[0], initial)


# Integers, so that weights are equal or differ by more than the precision of float32.
weights = st.lists(st.integers(1, 1000), min_size=2, max_size=12)
nuclei = st.floats(0.01, 0.999)


def log_prior(*probabilities):
    return torch.tensor([probabilities]).log()


def find_nucleus(probabilities, nucleus):
    """Return the indices of the smallest set that holds `nucleus`, in a plain loop."""
    chosen, mass = set(), 0.0
    for index in sorted(range(len(probabilities)), key=lambda i: -probabilities[i]):
        if mass >= nucleus:
            break
        chosen.add(index)
        mass += probabilities[index]
    return chosen


class TestPruning:
    """Nucleus pruning against a few lines of float64 Python."""

    @pytest.mark.parametrize(
        ("nucleus", "expected"),
        [
            (0.3, [0.0, 1.0, 0.0, 0.0]),
            (0.6, [0.0, 2 / 3, 0.0, 1 / 3]),
            (0.8, [0.2 / 0.95, 0.5 / 0.95, 0.0, 0.25 / 0.95]),
            (0.96, [0.2, 0.5, 0.05, 0.25]),
        ],
    )
    def test_by_hand(self, nucleus, expected):
        pruned = prune_prior(log_prior(0.2, 0.5, 0.05, 0.25), nucleus)
        np.testing.assert_allclose(pruned.exp(), [expected], rtol=1e-6)
        assert pruned.isfinite().tolist() == [[p > 0 for p in expected]]

    def test_a_nucleus_of_one_changes_nothing(self):
        given_prior = log_prior(0.2, 0.5, 0.0, 0.3)
        pruned = prune_prior(given_prior, 1.0)
        assert torch.equal(pruned, given_prior)
        assert pruned.isfinite().tolist() == [[True, True, False, True]]

    def test_proposals_of_probability_zero_are_never_valid(self):
        # In float32 three thirds sum to less than this nucleus.
        pruned = prune_prior(log_prior(0.0, 1 / 3, 1 / 3, 1 / 3), 0.99999999)
        assert pruned.isfinite().tolist() == [[False, True, True, True]]
        np.testing.assert_allclose(pruned, [[-INF, *3 * [math.log(1 / 3)]]], rtol=1e-6)

    def test_the_first_of_equal_proposals_are_kept(self):
        pruned = prune_prior(log_prior(*64 * [1 / 64]), 19.5 / 64)
        assert pruned.isfinite().tolist() == [20 * [True] + 44 * [False]]

    def test_the_most_probable_proposal_is_kept_however_small_the_nucleus(self):
        pruned = prune_prior(log_prior(0.1, 0.2, 0.7), 1e-30)
        assert pruned.isfinite().tolist() == [[False, False, True]]
        assert pruned.tolist() == [[-INF, -INF, 0.0]]

    def test_each_state_is_pruned_by_itself(self):
        prior = torch.cat([log_prior(0.9, 0.05, 0.05), log_prior(0.4, 0.4, 0.2)])
        pruned = prune_prior(prior, 0.7)
        assert pruned.isfinite().tolist() == [[True, False, False], [True, True, False]]
        np.testing.assert_allclose(pruned.exp(), [[1, 0, 0], [0.5, 0.5, 0]], rtol=1e-6)

    @settings(max_examples=200, deadline=None)
    @given(weights=weights, nucleus=nuclei)
    def test_the_smallest_set_is_kept(self, weights, nucleus):
        probabilities = (np.array(weights) / sum(weights)).tolist()
        chosen = find_nucleus(probabilities, nucleus)
        held = sum(probabilities[i] for i in chosen)
        without_last = held - min(probabilities[i] for i in chosen)
        assume(abs(held - nucleus) > 1e-5 and abs(without_last - nucleus) > 1e-5)
        pruned = prune_prior(torch.tensor([probabilities]).log(), nucleus)
        assert set(pruned[0].isfinite().nonzero().flatten().tolist()) == chosen

    @settings(max_examples=200, deadline=None)
    @given(weights=weights, nucleus=nuclei)
    def test_the_kept_probabilities_are_renormalised_in_proportion(self, weights, nucleus):
        prior = torch.tensor([weights]).log().log_softmax(-1)
        pruned = prune_prior(prior, nucleus)
        mask = pruned.isfinite()
        assert mask.any()
        assert pruned.exp().sum() == pytest.approx(1, abs=1e-5)
        shift = (pruned - prior)[mask]
        np.testing.assert_allclose(shift, shift[0].expand_as(shift), atol=1e-5)
