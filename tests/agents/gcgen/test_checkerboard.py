"""Scores on half of the pixels: which ones, what they estimate, and where they are used."""

import numpy as np
import pytest
import torch

from agents.common.decision import State, decide
from agents.gcgen import rollout
from agents.gcgen.checkerboard import split_pixels
from agents.gcgen.small_images import is_small
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from tests.agents.conftest import make_model
from tests.agents.toys import make_chain, make_goals, make_policy

SHAPE = (3, 16, 20)


def make_network(shape=SHAPE, active=None):
    sizes = {"width": 8, "depth": 1, "features": 4, "body": "mlp"}
    return ProposalNetwork(NetworkConfig(shape, 4, 2, "gaussian", **sizes), active)


def test_the_halves_are_the_fields_of_a_checkerboard():
    active = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)) < 0.9
    network = make_network(active=active)
    halves = split_pixels(network)
    board = np.full(SHAPE, -1)
    for number, half in enumerate(halves):
        board.flat[network.pixels[half].numpy()] = number
    row, column = np.indices(SHAPE)[1:]
    np.testing.assert_array_equal(board, np.where(active.numpy(), (row + column) % 2, -1))


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 16, 16), (300,)])
def test_small_images_and_points_are_scored_whole(shape):
    assert split_pixels(make_network(shape)) is None
    assert is_small(shape) == (len(shape) == 3)


@pytest.mark.parametrize("kind", ["network", "handwritten", "point"])
@torch.no_grad()
def test_gain_and_score_count_each_value_for_all_that_it_stands_for(kind):
    chain = make_chain(kind)
    goals, step = make_goals(chain), torch.zeros(8, dtype=torch.int64)
    state = State(chain.dynamics.start(8), goals, step)
    part = torch.tensor([1] if kind == "point" else [0, 2])
    proposals = chain.propose(state.canvas, step)
    whole, some = (decide(chain, proposals, state, part=p) for p in (None, part))
    now = chain.likelihood.log_prob_terms(state.canvas, goals).flatten(1)  # (8, P)
    delta, _ = chain.proposer.propose(state.canvas, step)
    reached = chain.dynamics.advance(state.canvas.unsqueeze(1), delta, step)
    then = chain.likelihood.log_prob_terms(reached, goals.unsqueeze(1)).flatten(2)  # (8, A, P)
    gain = (then - now.unsqueeze(1))[..., part].sum(-1) * now.shape[1] / len(part)
    torch.testing.assert_close(some.gain, gain)
    torch.testing.assert_close(some.proposals, whole.proposals[..., part])
    torch.testing.assert_close(some.values, whole.values[..., part])
    direction = torch.randn(8, now.shape[1])
    weight = now.shape[1] / len(part)
    torch.testing.assert_close(some.compress(direction), weight * direction[:, part])
    log_q = make_policy(chain, seed=0).make_selection()(state, some)
    torch.testing.assert_close(log_q.exp().sum(1), torch.ones(8))


@pytest.fixture
def parts(monkeypatch):
    """The part of the values that each decision of a roll-out is scored on."""
    seen = []

    def note(chain, proposals, state, dtype, part):
        seen.append(part)
        return decide(chain, proposals, state, dtype, part)

    monkeypatch.setattr(rollout, "decide", note)
    return seen


def make_large(**options):
    """Train a model on images of 20x20 for two rounds of two updates."""
    env_kwargs = {"dataset": np.random.default_rng(0).random((64, 20, 20)), "horizon": 2}
    options = {"n_envs": 8, "batch_size": 4, "gc_interval": 99, "env_kwargs": env_kwargs, **options}
    return make_model(updates=2, env="GCGen-Images-v0", **options)


def test_training_takes_the_halves_in_turn(parts):
    halves = split_pixels(make_large().s_agent.network)
    assert len(parts) == 4 * 2  # updates, decisions
    for number, part in enumerate(parts):
        assert torch.equal(part, halves[number // 2 % 2])


def test_on_request_training_scores_all_pixels(parts):
    make_large(scored_pixels="all")
    assert parts == [None] * 8


def test_small_images_are_scored_whole(parts):
    make_model(updates=2)
    assert parts and set(parts) == {None}


def test_the_bound_is_measured_with_all_pixels(parts):
    model = make_large()
    parts.clear()
    model.evaluate_nll(model.load_split("test").take(range(4)))
    assert parts == [None] * 2
