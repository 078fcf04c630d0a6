"""The chain: the chosen proposal alone against all of them, and the law of its paths."""

import itertools

import pytest
import torch

from gcgen_env.model.chain import Chain
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.dynamics import Dynamics
from gcgen_env.model.likelihoods import Gaussian
from gcgen_env.model.network import NetworkConfig, ProposalNetwork

SHAPE, A, H = (1, 4, 4), 6, 3


class Minimal:
    """A proposer with `propose` alone; its prior depends on canvas and step."""

    def propose(self, canvas, step):
        values = canvas.flatten(1)[:, :A]
        delta = torch.sin(values[..., None, None, None] * (1 + torch.arange(16.0).view(SHAPE)))
        return delta, (2 * values + step[:, None]).log_softmax(-1)


def make_network():
    torch.manual_seed(0)
    network = ProposalNetwork(NetworkConfig(SHAPE, A, H, "gaussian", width=16))
    torch.nn.init.normal_(network.prior_head.weight)
    return network


PROPOSERS = {
    "minimal": Minimal,
    "dictionary": lambda: DictionaryProposer(SHAPE, A, H),
    "network": make_network,
}


@pytest.fixture(params=PROPOSERS)
def chain(request):
    dynamics = Dynamics(torch.linspace(0, 1, 16).view(SHAPE), torch.tensor([1.0, 0.5, 0.25]))
    return Chain(PROPOSERS[request.param](), dynamics, Gaussian(3), nucleus=0.7)


@pytest.fixture
def states():
    """Return canvases, steps and actions, 12 of each."""
    generator = torch.Generator().manual_seed(0)
    canvas = torch.rand(12, *SHAPE, generator=generator)
    return canvas, torch.arange(12) % H, torch.randint(A, (12,), generator=generator)


def test_shape_and_horizon(chain):
    assert chain.shape == SHAPE and chain.horizon == H


@torch.no_grad()
def test_choosing_is_proposing_then_gathering(chain, states):
    canvas, step, action = states
    delta = chain.propose(canvas, step).delta[torch.arange(12), action]
    rate = torch.tensor([1.0, 0.5, 0.25])[step].view(-1, 1, 1, 1)
    chosen = chain.choose(canvas, step, action)
    torch.testing.assert_close(chosen, canvas + rate * delta, rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_the_prior_is_normalised_over_the_valid_proposals(chain, states):
    canvas, step, _ = states
    log_prior = chain.propose(canvas, step).log_prior
    assert log_prior.shape == (12, A)
    assert not log_prior.isfinite().all()
    torch.testing.assert_close(log_prior.exp().sum(-1), torch.ones(12))


@torch.no_grad()
def test_the_prior_alone_is_that_of_the_proposals(chain, states):
    canvas, step, _ = states
    proposals = chain.propose(canvas, step)
    log_prior = chain.prior(canvas, step)
    torch.testing.assert_close(log_prior, proposals.log_prior, rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_an_offer_is_the_proposals_on_demand(chain, states):
    canvas, step, action = states
    delta, log_prior = chain.propose(canvas, step)
    offer = chain.offer(canvas, step)
    close = {"rtol": 1e-6, "atol": 1e-6}
    torch.testing.assert_close(offer.log_prior, log_prior, **close)
    torch.testing.assert_close(offer.rows(action), delta[torch.arange(12), action], **close)
    torch.testing.assert_close(offer.all(torch.float32), chain.compress(delta), **close)
    assert offer.all(torch.bfloat16).dtype == torch.float32
    offer.all(torch.float32).fill_(torch.nan)  # the caller may overwrite them
    torch.testing.assert_close(offer.all(torch.float32), chain.compress(delta), **close)
    torch.testing.assert_close(offer.rows(action), delta[torch.arange(12), action], **close)


def test_gradient_flows_through_the_chosen_proposals_of_an_offer_alone(states):
    canvas, step, action = states
    dynamics = Dynamics(torch.zeros(SHAPE), torch.ones(H))
    network = make_network()
    offer = Chain(network, dynamics, Gaussian(3)).offer(canvas, step)
    assert not offer.all(torch.float32).requires_grad
    offer.rows(action).sum().backward()
    assert network.head.weight.grad.any()


@torch.no_grad()
def test_the_probabilities_of_all_paths_sum_to_one(chain):
    codes = torch.tensor(list(itertools.product(range(A), repeat=H)))  # (A^H, H)
    canvas, log_prob = chain.dynamics.start(len(codes)), torch.zeros(len(codes))
    for h in range(H):
        step = torch.full((len(codes),), h)
        log_prior = chain.prior(canvas, step)
        log_prob += log_prior.gather(1, codes[:, h : h + 1]).squeeze(1)
        canvas = chain.choose(canvas, step, codes[:, h])
    assert log_prob.exp().sum() == pytest.approx(1, abs=1e-5)
