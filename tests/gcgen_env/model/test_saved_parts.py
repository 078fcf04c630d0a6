"""Saved S-agents whose claims and tensors disagree: refused before memory is taken."""

import math
import time
from dataclasses import replace

import pytest
import torch

from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.s_agent import KIND, SAgent
from gcgen_env.model.saved_parts import list_shapes, restore_network
from gcgen_env.storage import load_container, save_container
from tests.gcgen_env.model.test_s_agent import A, H, make_agent

FIRST = torch.rand(1, generator=torch.Generator().manual_seed(0))


def change_header(document, tensors, part, **changes):
    document[part] = {**document[part], **changes}


def drop(document, tensors, name):
    del (document if name in document else tensors)[name]


def put(document, tensors, name, value):
    (document if name in document else tensors)[name] = value


DAMAGES = {
    "a width of gigabytes": (change_header, {"part": "network", "width": 20_000}),
    "a depth of hours": (change_header, {"part": "network", "depth": 1_000_000}),
    "one block more": (change_header, {"part": "network", "depth": 3}),
    "one block less": (change_header, {"part": "network", "depth": 1}),
    "A of gigabytes": (change_header, {"part": "network", "num_proposals": 100_000_000}),
    "H of gigabytes": (change_header, {"part": "network", "horizon": 10_000_000_000}),
    "a shape of gigabytes": (change_header, {"part": "network", "shape": [1, 10**5, 10**6]}),
    "another body": (change_header, {"part": "network", "body": "conv"}),
    "A is true": (change_header, {"part": "network", "num_proposals": True}),
    "A is a float": (change_header, {"part": "network", "num_proposals": 4.0}),
    "A is NaN": (change_header, {"part": "network", "num_proposals": math.nan}),
    "depth is null": (change_header, {"part": "network", "depth": None}),
    "shape is a number": (change_header, {"part": "network", "shape": 16}),
    "shape is nested": (change_header, {"part": "network", "shape": [[1, 4, 4]]}),
    "shape has a negative": (change_header, {"part": "network", "shape": [1, -4, -4]}),
    "prior is a string": (change_header, {"part": "network", "uniform_prior": "no"}),
    "another likelihood": (change_header, {"part": "likelihood", "name": "gaussian"}),
    "low is NaN": (change_header, {"part": "likelihood", "low": math.nan}),
    "low is a string": (change_header, {"part": "likelihood", "low": "0"}),
    "low is beyond float32": (change_header, {"part": "likelihood", "low": -(10**39)}),
    "sigma is a bool": (change_header, {"part": "likelihood", "sigma": True}),
    "metadata is a list": (put, {"name": "metadata", "value": []}),
    "x_0 is NaN": (put, {"name": "initial", "value": torch.full((1, 4, 4), math.nan)}),
    "x_0 of integers": (put, {"name": "initial", "value": torch.zeros(1, 4, 4).int()}),
    "a negative rate": (put, {"name": "rate", "value": -torch.ones(H)}),
    "weights are infinite": (put, {"name": "network.head.bias", "value": torch.ones(A, 16) / 0}),
    "weights are complex": (put, {"name": "network.head.bias", "value": torch.ones(A, 16) * 1j}),
    "pixels twice": (put, {"name": "network.pixels", "value": torch.zeros(16).long()}),
    "pixels negative": (put, {"name": "network.pixels", "value": torch.arange(16) - 1}),
    "pixels backwards": (put, {"name": "network.pixels", "value": torch.arange(16).flip(0)}),
    "pixels in a square": (put, {"name": "network.pixels", "value": torch.arange(16).view(4, 4)}),
    "another A": (change_header, {"part": "network", "num_proposals": A + 1}),
    "another H": (change_header, {"part": "network", "horizon": H + 1}),
    "another shape": (change_header, {"part": "network", "shape": [1, 8, 2]}),
    "no proposals": (change_header, {"part": "network", "num_proposals": 0}),
    "A too large": (change_header, {"part": "network", "num_proposals": 10**30}),
    "A is a string": (change_header, {"part": "network", "num_proposals": "4"}),
    "unknown size": (change_header, {"part": "network", "colour": "red"}),
    "unknown likelihood": (change_header, {"part": "likelihood", "name": "poisson"}),
    "bad sigma": (change_header, {"part": "likelihood", "name": "gaussian", "sigma": -1}),
    "network is a list": (put, {"name": "network", "value": [1, 2]}),
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
def test_a_header_that_does_not_fit_the_tensors_is_refused(tmp_path, damage):
    path = make_agent().save(tmp_path / "damaged")
    document, tensors = load_container(path, KIND)
    change, arguments = DAMAGES[damage]
    change(document, tensors, **arguments)
    save_container(path, KIND, document, tensors)
    torch.manual_seed(0)
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"damaged is damaged: .") as caught:
        SAgent.load(path)
    assert time.monotonic() - start < 1
    assert "\n" not in str(caught.value)
    # Nothing of the claimed size was initialised, so nothing was drawn.
    assert "gigabytes" not in damage or (torch.initial_seed() == 0 and torch.rand(1) == FIRST)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("a width of gigabytes", "network.*has shape .*, the sizes say .*20000"),
        ("a depth of hours", "depth=1000000 needs more than the .* tensors there"),
        ("one block more", "network.trunk.blocks.2.* is missing, which these sizes need: Netw"),
        ("one block less", "network.trunk.blocks.1.* is unknown to a network of these sizes"),
        ("a shape of gigabytes", r"initial has shape \(1, 4, 4\), the sizes say \(1, 100000, "),
        ("another likelihood", "likelihood 'gaussian' is not the network's, bernoulli"),
        ("weights are infinite", "network.head.bias holds NaN or infinity"),
        ("weights are complex", "network.head.bias must hold floats, got torch.complex64"),
        ("pixels negative", r"network.pixels must be increasing and lie in \[0, 16\)"),
        ("metadata is a list", r"metadata must be an object, got \[\]"),
    ],
)
def test_messages_say_what_does_not_fit(tmp_path, damage, message):
    path = make_agent().save(tmp_path / "damaged")
    document, tensors = load_container(path, KIND)
    change, arguments = DAMAGES[damage]
    change(document, tensors, **arguments)
    save_container(path, KIND, document, tensors)
    with pytest.raises(ValueError, match=f"damaged is damaged: {message}"):
        SAgent.load(path)


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("width", [1, 16, 100])
@pytest.mark.parametrize(
    ("shape", "body"), [((1, 4, 4), "mlp"), ((2,), "mlp"), ((3, 5, 6), "conv"), ((1, 9, 9), "conv")]
)
def test_the_listed_shapes_are_those_of_the_network(shape, body, width, depth):
    config = NetworkConfig(shape, A, H, "gaussian", width=width, depth=depth, body=body)
    active = torch.arange(math.prod(shape)) % 3 > 0 if body == "mlp" else None
    network = ProposalNetwork(config, active)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert list_shapes(config, len(network.pixels)) == expected


@pytest.mark.parametrize("body", ["bernoulli", "colour"])
def test_the_check_draws_no_random_numbers(tmp_path, body):
    agent = make_agent(body)
    path = agent.save(tmp_path / "agent")
    torch.manual_seed(1)
    ProposalNetwork(agent.network.config)
    expected = torch.rand(3)
    torch.manual_seed(1)
    SAgent.load(path)
    assert torch.equal(torch.rand(3), expected)


def test_groups_must_lie_in_the_active_values():
    config = NetworkConfig((11,), 3, 2, "gaussian", width=8, features=None, groups=((0, 2), (2, 3)))
    network = ProposalNetwork(config, torch.arange(11) < 5)
    restore_network(config, network.state_dict(), "gaussian")
    for groups, most in [(((0, 2), (8, 3)), 11), (((0, 2), (3, 3)), 6)]:
        wrong = replace(config, groups=groups)
        with pytest.raises(ValueError, match=f"groups need {most} values, the network has 5"):
            restore_network(wrong, network.state_dict(), "gaussian")
