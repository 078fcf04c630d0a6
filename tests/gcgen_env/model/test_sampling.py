"""Choosing actions: samples of q, and the most probable one."""

import pytest
import torch

from gcgen_env.model.sampling import (
    LEAST_LOG,
    MANY,
    Share,
    choose_best,
    find_probabilities,
    invert,
    make_sampler,
)

Q = torch.tensor([0.0, 0.2, 0.5, 0.3])
NUM = 20_000


def draw_shares(seed=0):
    """Return how often each action is drawn from q."""
    choose = make_sampler(torch.Generator().manual_seed(seed))
    return choose(Q.log().expand(NUM, 4)).bincount(minlength=4) / NUM


def test_draws_follow_q():
    torch.testing.assert_close(draw_shares(), Q, rtol=0, atol=0.015)
    assert draw_shares()[0] == 0


def test_a_seed_gives_the_draws_of_torch():
    log_q = torch.randn(50, 7).log_softmax(-1)
    generator = torch.Generator().manual_seed(3)
    expected = torch.multinomial(log_q.exp(), 1, generator=generator).squeeze(1)
    choose = make_sampler(torch.Generator().manual_seed(3))
    assert torch.equal(choose(log_q), expected)


def spread(q, num=MANY + 70):
    """Return log q with q at every 40th of many proposals from the 30th on, -inf elsewhere."""
    log_q = torch.full((num,), -torch.inf)
    log_q[30 : 30 + 40 * len(q) : 40] = q.log()
    return log_q


def test_draws_of_many_proposals_follow_q():
    choose = make_sampler(torch.Generator().manual_seed(0))
    shares = choose(spread(Q).expand(NUM, -1)).bincount(minlength=MANY + 70) / NUM
    torch.testing.assert_close(shares, spread(Q).exp(), rtol=0, atol=0.015)
    assert not shares[spread(Q) == -torch.inf].any()


def test_no_uniform_number_gives_an_impossible_proposal():
    """Not 0 before the first possible one, nor the largest below 1 after the last one."""
    q = spread(Q).exp().repeat(3, 1)
    uniform = torch.tensor([[0.0], [1 - 2**-24], [0.2]])
    first, last = 30 + 40, 30 + 120
    assert invert(q, uniform).tolist()[:2] == [first, last]
    assert (q.gather(1, invert(q, uniform)[:, None]) > 0).all()


def test_a_share_of_many_proposals_has_the_draws_of_all():
    log_q = torch.randn(6, MANY + 1).log_softmax(-1)
    whole = make_sampler(torch.Generator().manual_seed(0))(log_q)
    share = Share(6, slice(2, 5), 0.5)
    part = make_sampler(torch.Generator().manual_seed(0), share)(log_q[share.rows])
    assert torch.equal(part, whole[share.rows])


def test_probabilities_are_the_exponential():
    log_q = torch.tensor([0.0, -1.5, LEAST_LOG, LEAST_LOG - 0.01, -1e8, -torch.inf])
    found = find_probabilities(log_q)
    assert torch.equal(found[:3], log_q[:3].exp())
    assert found[3:].tolist() == [0, 0, 0]


def test_log_q_that_is_not_finite_is_an_error():
    with pytest.raises(ValueError, match="training has diverged; lower learning_rate"):
        make_sampler(torch.Generator())(torch.full((2, 3), torch.nan))


def test_the_generator_makes_the_draws():
    assert torch.equal(draw_shares(), draw_shares())
    assert not torch.equal(draw_shares(), draw_shares(seed=1))


def test_the_best_is_the_most_probable():
    assert choose_best(torch.stack([Q.log(), Q.flip(0).log()])).tolist() == [2, 1]
