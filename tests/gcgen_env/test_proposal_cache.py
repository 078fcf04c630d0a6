"""The proposals of N episodes: both caches against each other and against the chain."""

import pickle

import numpy as np
import pytest
import torch

from gcgen_env import proposal_cache
from gcgen_env.model import chain as chain_module
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.on_demand_cache import OnDemandCache, make_cache
from gcgen_env.proposal_cache import EagerCache, draw_next
from gcgen_env.subsets import ALL
from tests.gcgen_env.sample_proposers import CountingProposer, OnlyPropose

SHAPE, A, H, N = (1, 8, 8), 6, 4, 5
SIZES = {"shape": SHAPE, "num_proposals": A, "horizon": H}
SUBSETS = {"all": ALL, "some": np.array([3, 0, 4]), "one": np.array([2])}
EACH_SUBSET = pytest.mark.parametrize("subset", SUBSETS.values(), ids=SUBSETS)
CACHES = pytest.mark.parametrize("kind", [EagerCache, OnDemandCache])


def make_network(active=None):
    torch.manual_seed(0)
    config = NetworkConfig(SHAPE, A, H, "bernoulli", width=16)
    network = ProposalNetwork(config, active).requires_grad_(False)
    for weight in (network.prior_head.weight, network.head.weight, network.head.bias):
        torch.nn.init.normal_(weight)
    return network


PROPOSERS = {
    "network": make_network,
    "network of some values": lambda: make_network(torch.arange(64).view(SHAPE) % 3 > 0),
    "dictionary": lambda: DictionaryProposer(SHAPE, A, H),
    "propose alone": lambda: OnlyPropose(**SIZES),
    "optional methods": lambda: CountingProposer(**SIZES),
}


def make_chain(proposer="network", likelihood=None, nucleus=0.7):
    dynamics = Dynamics(torch.zeros(SHAPE), torch.tensor([1.0, 0.5, 0.25, 0.125]))
    return Chain(PROPOSERS[proposer](), dynamics, likelihood or Bernoulli(3), nucleus)


@pytest.fixture(params=PROPOSERS)
def chain(request):
    return make_chain(request.param)


def update(cache, subset, canvas, step, same_state):
    cache.store(subset, cache.prepare(canvas, step, same_state))


def draw_states(chain, num=N, seed=0):
    """Return canvases, images, steps and actions of `num` states."""
    generator = torch.Generator().manual_seed(seed)
    canvas = torch.randn(num, *SHAPE, generator=generator)
    action = torch.randint(A, (num,), generator=generator).numpy()
    return canvas, chain.likelihood.mean(canvas).numpy(), np.arange(num) % H, action


def compute_next(chain, canvas, step):
    """Return canvases and images of all next states, (N, A, *S) each, from dense proposals."""
    h = torch.from_numpy(step)
    delta, _ = chain.proposer.propose(canvas, h)
    reached = canvas.unsqueeze(1) + chain.dynamics.rate[h].view(-1, 1, 1, 1, 1) * delta
    return reached, chain.likelihood.mean(reached)


def assert_close(own, expected):
    np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-6)


@EACH_SUBSET
def test_both_caches_give_the_next_states_of_the_chain(chain, subset):
    canvas, image, step, action = (table[subset] for table in draw_states(chain))
    index = np.arange(len(step)), action
    canvases, images = compute_next(chain, canvas, step)
    caches = [kind(chain, N, A) for kind in (EagerCache, OnDemandCache)]
    for cache in caches:
        update(cache, subset, canvas, step, same_state=False)
        canvas_next, image_next = cache.follow(subset, action, canvas, image, step)
        assert_close(canvas_next, canvases[index])
        assert_close(image_next, images[index])
    assert_close(caches[0].log_prior, caches[1].log_prior)
    np.testing.assert_array_equal(caches[0].mask, caches[1].mask)
    assert not caches[0].mask[subset].all()


@CACHES
@EACH_SUBSET
def test_priors_are_those_of_the_chain(chain, kind, subset):
    canvas, _, step, _ = (table[subset] for table in draw_states(chain))
    cache = kind(chain, N, A)
    update(cache, subset, canvas, step, same_state=False)
    expected = chain.propose(canvas, torch.from_numpy(step)).log_prior
    assert_close(cache.log_prior[subset], expected)
    np.testing.assert_array_equal(cache.mask, cache.log_prior > -np.inf)
    others = np.setdiff1d(np.arange(N), np.arange(N)[subset])
    assert_close(cache.log_prior[others], np.full((len(others), A), -np.log(A)))
    assert cache.mask[others].all()


@CACHES
def test_a_whole_episode_gives_the_canvases_of_the_chain(chain, kind):
    cache = kind(chain, N, A)
    canvas, image, _, _ = draw_states(chain)
    expected = canvas
    for h in range(H):
        step, action = np.full(N, h), draw_states(chain, seed=h)[3]
        update(cache, ALL, canvas, step, same_state=False)
        canvas, image = cache.follow(ALL, action, canvas, image, step)
        expected = chain.choose(expected, torch.from_numpy(step), torch.from_numpy(action))
        assert_close(canvas, expected)
        assert_close(image, chain.likelihood.mean(expected))


@CACHES
def test_the_same_state_is_computed_once(chain, kind):
    canvas, image, _, action = draw_states(chain)
    canvas, image, step = canvas[:1].expand(N, *SHAPE), image[:1].repeat(N, 0), np.full(N, 2)
    once, each = kind(chain, N, A), kind(chain, N, A)
    for subset in SUBSETS.values():
        some = canvas[subset], step[subset]
        update(once, subset, *some, same_state=True)
        update(each, subset, *some, same_state=False)
        arguments = subset, action[subset], canvas[subset], image[subset], step[subset]
        for one, other in zip(once.follow(*arguments), each.follow(*arguments), strict=True):
            assert_close(one, other)
        assert_close(once.log_prior, each.log_prior)
        np.testing.assert_array_equal(once.mask, each.mask)


def test_the_next_states_of_equal_states_are_computed_for_one_of_them():
    chain = make_chain("optional methods")
    canvas, _, _, _ = draw_states(chain)
    states = canvas[:1].expand(N, *SHAPE), np.zeros(N, np.int64)
    update(EagerCache(chain, N, A), ALL, *states, same_state=True)
    assert chain.proposer.inner.steps == [0]


@CACHES
def test_episodes_that_were_not_updated_last_can_be_followed(chain, kind):
    canvas, image, step, action = draw_states(chain)
    canvases, images = compute_next(chain, canvas, step)
    cache = kind(chain, N, A)
    update(cache, ALL, canvas, step, same_state=False)
    first, second = np.array([0, 2]), np.array([1, 3, 4])
    for subset in (first, second, first):
        update(cache, second, canvas[second], step[second], same_state=False)
        chosen = action[subset]
        own = cache.follow(subset, chosen, canvas[subset], image[subset], step[subset])
        assert_close(own[0], canvases[subset, chosen])
        assert_close(own[1], images[subset, chosen])


@CACHES
def test_the_steps_of_the_caller_are_copied(kind):
    chain = make_chain()
    canvas, image, step, action = draw_states(chain)
    cache = kind(chain, N, A)
    update(cache, ALL, canvas, step, same_state=False)
    expected = compute_next(chain, canvas, step)[0][np.arange(N), action]
    before = step.copy()
    step[:] = 0
    assert_close(cache.follow(ALL, action, canvas, image, before)[0], expected)


@CACHES
def test_closing_gives_a_uniform_prior_and_copies_of_the_image(chain, kind):
    canvas, image, step, _ = draw_states(chain)
    cache = kind(chain, N, A)
    update(cache, ALL, canvas, step, same_state=False)
    before, ended = cache.log_prior.copy(), np.array([1, 4])
    cache.close(ended, image[ended])
    assert_close(cache.log_prior[ended], np.full((2, A), -np.log(A)))
    assert cache.mask[ended].all()
    others = np.array([0, 2, 3])
    np.testing.assert_array_equal(cache.log_prior[others], before[others])
    if kind is EagerCache:
        drawn = cache.draw(ALL, image)
        assert_close(drawn[ended], image[ended][:, None].repeat(A, 1))
        assert_close(drawn[others], compute_next(chain, canvas, step)[1][others])


@CACHES
def test_a_pickled_cache_gives_the_same_next_states(chain, kind):
    canvas, image, step, action = draw_states(chain)
    cache = kind(chain, N, A)
    update(cache, ALL, canvas, step, same_state=False)
    twin = pickle.loads(pickle.dumps(cache))
    arguments = ALL, action, canvas, image, step
    for one, other in zip(cache.follow(*arguments), twin.follow(*arguments), strict=True):
        assert_close(other, one)
    np.testing.assert_array_equal(twin.mask, cache.mask)


@CACHES
def test_wrong_priors_of_a_network_are_named(kind):
    chain = make_chain(nucleus=1.0)
    canvas, _, step, _ = draw_states(chain)
    with pytest.raises(ValueError, match=r"log_prior of shape \(5, 6\), expected \(5, 7\)"):
        update(kind(chain, N, A + 1), ALL, canvas, step, same_state=False)
    chain.proposer.prior_head.bias.fill_(torch.nan)
    with pytest.raises(ValueError, match="without a finite value: is it NaN"):
        update(kind(chain, N, A), ALL, canvas, step, same_state=False)


class TestDrawing:
    @EACH_SUBSET
    @pytest.mark.parametrize("block_bytes", [1, 4000, 1 << 30])
    def test_drawn_images_are_those_of_all_next_states(
        self, chain, subset, block_bytes, monkeypatch
    ):
        monkeypatch.setattr(proposal_cache, "BLOCK_BYTES", block_bytes)
        monkeypatch.setattr(chain_module, "PART_BYTES", block_bytes)
        canvas, image, step, _ = (table[subset] for table in draw_states(chain))
        cache = EagerCache(chain, N, A)
        update(cache, subset, canvas, step, same_state=False)
        drawn = cache.draw(subset, image)
        assert drawn.dtype == np.float32 and drawn.shape == (len(step), A, *SHAPE)
        assert_close(drawn, compute_next(chain, canvas, step)[1])

    @pytest.mark.parametrize("likelihood", [Bernoulli(3), Gaussian(3)], ids=lambda x: x.name)
    def test_the_chosen_image_is_the_drawn_one_bit_for_bit(self, likelihood):
        for proposer in PROPOSERS:
            chain = make_chain(proposer, likelihood)
            canvas, image, step, action = draw_states(chain)
            cache = EagerCache(chain, N, A)
            update(cache, ALL, canvas, step, same_state=False)
            drawn = cache.draw(ALL, image)
            reached = cache.follow(ALL, action, canvas, image, step)[1]
            np.testing.assert_array_equal(reached, drawn[np.arange(N), action])

    def test_values_that_proposals_cannot_change_are_those_of_the_image(self):
        chain = make_chain("network of some values")
        _, image, _, _ = draw_states(chain)
        values = torch.full((N, A, len(chain.proposer.pixels)), 7.0)
        drawn = draw_next(chain, values, image).reshape(N, A, -1)
        changed = chain.proposer.pixels.numpy()
        assert (drawn[..., changed] == 7).all()
        expected = np.delete(image.reshape(N, 1, -1), changed, axis=2).repeat(A, 1)
        np.testing.assert_array_equal(np.delete(drawn, changed, axis=2), expected)

    def test_only_the_observation_mode_pixels_draws(self):
        chain = make_chain()
        assert type(make_cache(chain, "pixels", N, A)) is EagerCache
        compact = make_cache(chain, "compact", N, A)
        assert type(compact) is OnDemandCache
        with pytest.raises(NotImplementedError, match="OnDemandCache computes chosen proposals"):
            compact.draw(ALL, np.zeros((N, *SHAPE), np.float32))
