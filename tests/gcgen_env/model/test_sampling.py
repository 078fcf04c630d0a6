"""Choosing actions: samples of q, and the most probable one."""

import pytest
import torch

from gcgen_env.model.sampling import choose_best, make_sampler

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


def test_log_q_that_is_not_finite_is_an_error():
    with pytest.raises(ValueError, match="training has diverged; lower learning_rate"):
        make_sampler(torch.Generator())(torch.full((2, 3), torch.nan))


def test_the_generator_makes_the_draws():
    assert torch.equal(draw_shares(), draw_shares())
    assert not torch.equal(draw_shares(), draw_shares(seed=1))


def test_the_best_is_the_most_probable():
    assert choose_best(torch.stack([Q.log(), Q.flip(0).log()])).tolist() == [2, 1]
