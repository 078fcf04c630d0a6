"""Batches of one size, and images of codes that do not depend on each other."""

import numpy as np
import pytest
import torch

from gcgen_env.model.fixed_batches import fill, split_fixed
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent


@pytest.mark.parametrize(("num", "filled"), [(0, 4), (1, 4), (4, 4), (5, 8)])
def test_items_are_filled_with_zeros(num, filled):
    items = torch.ones(num, 3)
    found = fill(items, 4)
    assert found.shape == (filled, 3)
    assert found.sum() == 3 * num and (found[:num] == 1).all()
    assert [len(each) for each in split_fixed(items, 4)] == [4] * (filled // 4)


@pytest.mark.parametrize("name", ["digits", "mnist", "two_moons"])
def test_the_image_of_a_code_does_not_depend_on_the_others(name):
    s_agent = SAgent.load(pretrained_path(name))
    chain = s_agent.chain
    codes = np.random.default_rng(0).integers(chain.num_proposals, size=(40, chain.horizon))
    together = s_agent.decode(codes, return_trajectory=True)  # (H + 1, 40, *S)
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(s_agent.decode(codes[order]), together[-1, order])
    for parts in (1, 7, 33):
        found = [s_agent.decode(codes[i : i + parts]) for i in range(0, 40, parts)]
        np.testing.assert_array_equal(np.concatenate(found), together[-1])
    for steps in (0, 1, chain.horizon - 1):
        np.testing.assert_array_equal(s_agent.decode(codes[:, :steps]), together[steps])
