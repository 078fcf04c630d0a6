"""Every image once in an epoch, however the draws are divided."""

import numpy as np
import pytest

from agents.common.epoch_order import EpochOrder, check_epochs
from tests.agents.conftest import make_model

NUM = 23


@pytest.mark.parametrize("count", [1, 5, NUM, 2 * NUM + 3])
def test_every_image_comes_once_in_each_epoch(count):
    order = EpochOrder(NUM, seed=3)
    drawn = np.concatenate([order.draw(count) for _ in range(4 * NUM)])[: 4 * NUM]
    epochs = drawn.reshape(4, NUM)
    assert (np.sort(epochs, axis=1) == np.arange(NUM)).all() and drawn.dtype == np.int64
    assert len({tuple(epoch) for epoch in epochs}) == 4
    np.testing.assert_array_equal(drawn, EpochOrder(NUM, seed=3).draw(4 * NUM))


def test_seeds_give_other_orders():
    one, other = (EpochOrder(NUM, seed).draw(NUM) for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("drawn", [0, 7, NUM, 3 * NUM - 1])
def test_it_goes_on_from_its_state(drawn):
    order = EpochOrder(NUM, seed=2**62)
    order.draw(drawn)
    again = EpochOrder(NUM, **order.state)
    np.testing.assert_array_equal(again.draw(30), order.draw(30))


def test_positions_of_an_image_are_uniform():
    """Image 0 at each of 4 places in 4,000 epochs: 1,000 times, standard deviation 27."""
    drawn = EpochOrder(4, seed=0).draw(4 * 4000).reshape(-1, 4)
    counts = np.bincount(drawn.argmin(axis=1), minlength=4)
    assert (abs(counts - 1000) < 4 * 27).all()


@pytest.mark.parametrize(
    "state", [None, [1, 2], {"seed": 1}, {"seed": -1, "drawn": 0}, {"seed": 1, "drawn": 0.5}]
)
def test_other_states_are_refused(state):
    with pytest.raises(ValueError, match="the place in an epoch is"):
        check_epochs(state)


def test_a_model_draws_every_training_image_once_in_an_epoch():
    model = make_model(n_envs=64, replacement=False)
    num = len(model.env.goals.dataset)
    drawn = np.concatenate([model.env.sample_index() for _ in range(num // 64 + 1)])[:num]
    assert (np.sort(drawn) == np.arange(num)).all()
    again = make_model(n_envs=64, replacement=False)
    np.testing.assert_array_equal(again.env.sample_index(), drawn[:64])


def test_draws_with_replacement_are_those_of_numpy():
    """The goals of the runs in the documentation, and of saved checkpoints."""
    model = make_model(n_envs=64)
    num = len(model.env.goals.dataset)
    expected = np.random.default_rng(0).integers(num, size=64)
    np.testing.assert_array_equal(model.env.sample_index(), expected)
    assert set(model.env.draws_state) == set(np.random.default_rng().bit_generator.state)
