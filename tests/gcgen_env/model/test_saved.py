"""Saved S-agents: what comes back, and what a damaged file says."""

import pytest
import torch
from torch import nn

from gcgen_env.model.dynamics import Dynamics
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.model.network import NetworkConfig, ProposalNetwork
from gcgen_env.model.saved import (
    KIND,
    SavedSAgent,
    load_s_agent,
    pack_s_agent,
    pretrained_path,
    save_s_agent,
    unpack_s_agent,
)
from gcgen_env.storage import load_container, save_container

A, H = 4, 3
METADATA = {"dataset": "toy", "seed": 7, "bound": [12.5, 0.1], "command": "gcgen train"}
CONFIGS = {
    "bernoulli": {"shape": (1, 4, 4), "likelihood": "bernoulli"},
    "colour": {"shape": (3, 5, 6), "likelihood": "gaussian", "body": "conv"},
    "point": {"shape": (2,), "likelihood": "gaussian", "uniform_prior": True},
}
LIKELIHOODS = {
    "bernoulli": Bernoulli(3),
    "colour": Gaussian(3, 0.0, 1.0, 0.25),
    "point": Gaussian(1, -1.0, 1.0, 0.05),
}


def make_agent(name="bernoulli", active=None):
    torch.manual_seed(0)
    config = NetworkConfig(num_proposals=A, horizon=H, width=16, **CONFIGS[name])
    network = ProposalNetwork(config, active)
    if not config.uniform_prior:
        nn.init.normal_(network.prior_head.weight)
    dynamics = Dynamics(torch.randn(config.shape), torch.rand(H))
    return SavedSAgent(network, dynamics, LIKELIHOODS[name], METADATA)


def compute_outputs(agent):
    """Return the initial proposals and prior of each step."""
    with torch.no_grad():
        return agent.network.propose(agent.dynamics.start(H), torch.arange(H))


@pytest.mark.parametrize("name", CONFIGS)
def test_round_trip_is_exact(tmp_path, name):
    agent = make_agent(name)
    loaded = load_s_agent(save_s_agent(tmp_path / "agent", agent))
    assert loaded.network.config == agent.network.config
    assert loaded.likelihood == agent.likelihood
    assert loaded.metadata == METADATA
    assert torch.equal(loaded.dynamics.initial, agent.dynamics.initial)
    assert torch.equal(loaded.dynamics.rate, agent.dynamics.rate)
    for own, expected in zip(compute_outputs(loaded), compute_outputs(agent), strict=True):
        assert torch.equal(own, expected)


def test_the_active_values_are_kept(tmp_path):
    active = torch.arange(16).view(1, 4, 4) % 3 == 0
    agent = make_agent(active=active)
    loaded = load_s_agent(save_s_agent(tmp_path / "agent", agent))
    assert loaded.network.pixels.tolist() == [0, 3, 6, 9, 12, 15]
    assert torch.equal(compute_outputs(loaded)[0], compute_outputs(agent)[0])


@pytest.mark.parametrize("name", CONFIGS)
def test_half_precision_is_close_and_smaller(tmp_path, name):
    agent = make_agent(name)
    full = save_s_agent(tmp_path / "full", agent)
    half = save_s_agent(tmp_path / "half", agent, half=True)
    assert half.stat().st_size < 0.8 * full.stat().st_size
    loaded = load_s_agent(half)
    assert {p.dtype for p in loaded.network.parameters()} == {torch.float32}
    assert torch.equal(loaded.dynamics.initial, agent.dynamics.initial)
    for own, expected in zip(compute_outputs(loaded), compute_outputs(agent), strict=True):
        torch.testing.assert_close(own, expected, rtol=0.01, atol=0.005)


def test_a_loaded_network_is_frozen(tmp_path):
    network = load_s_agent(save_s_agent(tmp_path / "agent", make_agent())).network
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


def test_saving_again_gives_the_same_bytes(tmp_path):
    first = save_s_agent(tmp_path / "first", make_agent())
    second = save_s_agent(tmp_path / "second", load_s_agent(first))
    assert first.read_bytes() == second.read_bytes()


def test_unpacking_leaves_other_entries_unread():
    agent = make_agent()
    document, tensors = pack_s_agent(agent)
    document, tensors = {**document, "more": 1}, {**tensors, "critic.weight": torch.ones(1)}
    unpacked = unpack_s_agent(document, tensors, "cpu")
    assert torch.equal(compute_outputs(unpacked)[0], compute_outputs(agent)[0])


def change_header(document, tensors, part, **changes):
    document[part] = {**document[part], **changes}


def drop(document, tensors, name):
    del (document if name in document else tensors)[name]


def put(document, tensors, name, value):
    (document if name in document else tensors)[name] = value


DAMAGES = {
    "another A": (change_header, {"part": "network", "num_proposals": A + 1}),
    "another H": (change_header, {"part": "network", "horizon": H + 1}),
    "another shape": (change_header, {"part": "network", "shape": [1, 8, 2]}),
    "no proposals": (change_header, {"part": "network", "num_proposals": 0}),
    "A too large": (change_header, {"part": "network", "num_proposals": 10**30}),
    "A is no number": (change_header, {"part": "network", "num_proposals": "4"}),
    "unknown size": (change_header, {"part": "network", "colour": "red"}),
    "unknown likelihood": (change_header, {"part": "likelihood", "name": "poisson"}),
    "bad sigma": (change_header, {"part": "likelihood", "name": "gaussian", "sigma": -1}),
    "network is no object": (put, {"name": "network", "value": [1, 2]}),
    "no likelihood": (drop, {"name": "likelihood"}),
    "no metadata": (drop, {"name": "metadata"}),
    "no weights": (drop, {"name": "network.head.weight"}),
    "no initial state": (drop, {"name": "initial"}),
    "another rate": (put, {"name": "rate", "value": torch.ones(H + 1)}),
    "foreign weights": (put, {"name": "network.extra", "value": torch.ones(1)}),
    "pixels outside": (put, {"name": "network.pixels", "value": torch.arange(16) + 1}),
    "pixels are floats": (put, {"name": "network.pixels", "value": torch.zeros(16)}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_header_that_does_not_fit_is_refused(tmp_path, damage):
    path = save_s_agent(tmp_path / "damaged", make_agent())
    document, tensors = load_container(path, KIND)
    change, arguments = DAMAGES[damage]
    change(document, tensors, **arguments)
    save_container(path, KIND, document, tensors)
    with pytest.raises(ValueError, match=r"damaged does not fit its own header: ."):
        load_s_agent(path)


def test_an_unshipped_agent_is_named():
    with pytest.raises(ValueError, match=r"no pretrained proposer is shipped for .*'klingon'"):
        pretrained_path("klingon")
