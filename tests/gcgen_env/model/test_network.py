"""The proposal network: shapes, prior, active values, chosen proposals, dependences."""

import json
import math
from dataclasses import asdict

import pytest
import torch
from torch import nn

from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.proposer import Proposer

A, H, B = 6, 3, 5
SHAPES = [(2,), (1, 8, 8), (1, 28, 28), (3, 16, 16), (1, 32, 32), (3, 30, 30), (1, 40, 23)]
EACH_SHAPE = pytest.mark.parametrize("shape", SHAPES, ids=str)
BODIES = pytest.mark.parametrize("body", ["mlp", "conv"])
STEP = torch.arange(B) % H


def make(shape=(1, 8, 8), active=None, trained=True, **options):
    """Make a small network; `trained` gives it a prior that is not uniform."""
    torch.manual_seed(0)
    options = {"likelihood": "bernoulli", "width": 32} | options
    network = ProposalNetwork(NetworkConfig(shape, A, H, **options), active)
    if trained:
        nn.init.normal_(network.prior_head.weight)
    return network.requires_grad_(False)


def draw(shape, num=B):
    return torch.randn(num, *shape, generator=torch.Generator().manual_seed(1))


@EACH_SHAPE
def test_shapes_and_the_protocol(shape):
    network = make(shape)
    assert isinstance(network, Proposer)
    assert (network.num_proposals, network.horizon) == (A, H)
    delta, log_prior = network.propose(draw(shape), STEP)
    assert delta.shape == (B, A, *shape) and delta.dtype == torch.float32
    assert log_prior.shape == (B, A) and log_prior.dtype == torch.float32
    torch.testing.assert_close(log_prior.exp().sum(1), torch.ones(B))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 3), (1, 17, 23), (3, 30, 30)], ids=str)
def test_convolutions_take_any_size(shape):
    network = make(shape, body="conv")
    delta, log_prior = network.propose(draw(shape), STEP)
    assert delta.shape == (B, A, *shape) and delta.isfinite().all()
    assert log_prior.isfinite().all()


@BODIES
def test_a_fresh_prior_is_uniform(body):
    log_prior = make(trained=False, body=body).lazy(draw((1, 8, 8)), STEP).log_prior
    torch.testing.assert_close(log_prior, torch.full((B, A), -math.log(A)))


def test_a_fresh_network_hardly_moves_the_canvas():
    delta, _ = make(trained=False, width=256).propose(draw((1, 8, 8)), STEP)
    assert 0 < delta.std() < 0.5


@pytest.mark.parametrize("uniform_prior", [True, False])
def test_a_uniform_prior_does_not_learn(uniform_prior):
    network = ProposalNetwork(
        NetworkConfig((2,), A, H, "gaussian", width=8, uniform_prior=uniform_prior)
    )
    learns = {name for name, p in network.named_parameters() if p.requires_grad}
    assert ("prior_head.weight" in learns) is not uniform_prior
    assert ("prior_head.bias" in learns) is not uniform_prior
    assert {"head.weight", "head.bias"} <= learns


@EACH_SHAPE
def test_chosen_proposals_are_those_of_all(shape):
    network, canvas = make(shape), draw(shape)
    action = torch.tensor([0, 5, 5, 2, 1])
    expected = network.propose(canvas, STEP)[0][torch.arange(B), action]
    chosen = network.lazy(canvas, STEP).chosen(action)
    torch.testing.assert_close(chosen, expected, rtol=1e-5, atol=1e-6)


@BODIES
def test_the_prior_alone_is_that_of_the_pair(body):
    network, canvas = make(body=body), draw((1, 8, 8))
    assert torch.equal(network.lazy(canvas, STEP).log_prior, network.propose(canvas, STEP)[1])


@BODIES
def test_the_states_of_a_batch_do_not_influence_each_other(body):
    network, canvas = make(body=body), draw((1, 8, 8))
    together = network.propose(canvas, STEP)
    for b in range(B):
        alone = network.propose(canvas[b : b + 1], STEP[b : b + 1])
        for one, batch in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], batch[b], rtol=1e-5, atol=1e-6)


@BODIES
def test_proposals_and_prior_depend_on_canvas_and_step(body):
    network, canvas = make(body=body), draw((1, 8, 8), 1)
    before = network.propose(canvas, torch.tensor([0]))
    for after in (
        network.propose(canvas, torch.tensor([1])),
        network.propose(canvas + 1, torch.tensor([0])),
    ):
        for one, other in zip(before, after, strict=True):
            assert (one - other).abs().max() > 1e-4


@BODIES
def test_a_bernoulli_canvas_is_read_as_its_mean(body):
    bernoulli, gaussian = (make(body=body, likelihood=x) for x in ("bernoulli", "gaussian"))
    logits = draw((1, 8, 8))
    for one, other in zip(
        bernoulli.propose(logits, STEP), gaussian.propose(logits.sigmoid(), STEP), strict=True
    ):
        assert torch.equal(one, other)


@pytest.fixture
def active():
    return torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(2)) < 0.6


def test_inactive_values_never_change_and_are_never_read(active):
    network, canvas = make(active=active), draw((1, 8, 8))
    delta, log_prior = network.propose(canvas, STEP)
    assert (delta[:, :, ~active] == 0).all() and (delta[:, :, active] != 0).all()
    chosen = network.lazy(canvas, STEP).chosen(STEP)
    assert (chosen[:, ~active] == 0).all() and (chosen[:, active] != 0).all()
    elsewhere = torch.where(active, canvas, 100.0)
    again, log_prior_again = network.propose(elsewhere, STEP)
    assert torch.equal(again, delta) and torch.equal(log_prior_again, log_prior)


@pytest.mark.parametrize("leading", [(), (4,), (4, 3)], ids=str)
def test_compress_and_expand_are_inverse(active, leading):
    network = make(active=active)
    values = torch.randn(*leading, int(active.sum()))
    image = network.expand(values)
    assert image.shape == (*leading, 1, 8, 8)
    assert torch.equal(network.compress(image), values)
    assert torch.equal(image[..., active], values) and not image[..., ~active].any()


def test_without_a_mask_compress_and_expand_only_reshape():
    network, images = make((3, 4, 5)), draw((3, 4, 5))
    assert torch.equal(network.compress(images), images.flatten(1))
    assert torch.equal(network.expand(images.flatten(1)), images)


def test_convolutions_change_every_value(active):
    network = make(active=active, body="conv")
    assert network.pixels.tolist() == list(range(64))


@BODIES
def test_every_weight_gets_a_gradient(body):
    network = make(body=body).requires_grad_()
    delta, log_prior = network.propose(draw((1, 8, 8)), STEP)
    (delta.square().sum() + log_prior.square().sum()).backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_config_survives_json():
    config = NetworkConfig((3, 8, 8), A, H, "gaussian", width=40, uniform_prior=True)
    assert NetworkConfig(**json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_proposals": 0}, r"num_proposals must be at least 1 \(.*\), got 0"),
        ({"horizon": 0}, r"horizon must be at least 1 \(.*\), got 0"),
        ({"depth": -1}, r"depth must be at least 0 \(.*\), got -1"),
        ({"width": True}, "width must be an integer, got True"),
        ({"width": 16.0}, "width must be an integer, got 16.0"),
        ({"depth": "2"}, "depth must be an integer, got '2'"),
        ({"shape": (1, 8, None)}, "each length of shape must be an integer, got None"),
        ({"shape": (1, -8, 8)}, "each length of shape must be at least 1"),
        ({"likelihood": "poisson"}, "likelihood must be in .*, got 'poisson'"),
        ({"uniform_prior": 1}, "uniform_prior must be True or False, got 1"),
        ({"body": "rnn"}, "must be 'mlp' or 'conv', got 'rnn'"),
        ({"body": "conv", "shape": (2,)}, r"needs images \(C, h, w\), got \(2,\)"),
    ],
)
def test_wrong_sizes_are_named(change, message):
    sizes = {"shape": (1, 8, 8), "num_proposals": A, "horizon": H, "likelihood": "gaussian"}
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**{**sizes, **change})
