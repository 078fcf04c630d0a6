"""The atlas: its probabilities are p_S, and its images follow its choices."""

import numpy as np
import pytest
import torch

from agents.inspection import grow_atlas


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


@pytest.fixture(scope="module")
def root(model):
    return grow_atlas(model, (3, 2), num_drawn=16, num_examples=4)


def test_the_tree_has_the_shape_that_was_asked_for(root):
    assert [len(node.code) for node in walk(root)].count(2) == 6
    assert len(root.children) == 3 and all(len(child.children) == 2 for child in root.children)
    assert root.code == () and root.probability == 1
    assert all(node.examples.shape == (4, 1, 8, 8) for node in walk(root))
    for parent in (root, *root.children):
        assert all(child.code[:-1] == parent.code for child in parent.children)
        assert 0 < parent.shown <= 1


def test_images_are_those_of_the_codes(model, root):
    for node in walk(root):
        if node.code:
            expected = model.decode(np.array([node.code]))[0]
            np.testing.assert_allclose(node.image, expected, atol=1e-6)


def test_probabilities_are_those_of_the_s_agent_in_order(model, root):
    chain = model.chain
    start = chain.dynamics.start(1)
    p = chain.propose(start, torch.zeros(1, dtype=torch.long)).log_prior[0].exp().detach()
    found = [child.probability for child in root.children]
    np.testing.assert_allclose(found, p.sort(descending=True).values[:3], rtol=1e-5)
    assert [child.code[0] for child in root.children] == p.argsort(descending=True)[:3].tolist()


def test_what_follows_a_choice_is_drawn_from_there(model):
    node = grow_atlas(model, (16,), num_drawn=400)
    weights = np.array([child.probability for child in node.children])
    mixed = sum(w * child.mean for w, child in zip(weights, node.children, strict=True))
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(mixed, node.mean, atol=0.06)  # p(x) = sum_a p(a) p(x | a)


def test_a_seed_repeats_the_draws_and_an_s_agent_suffices(model, root):
    again = grow_atlas(model.s_agent, (3, 2), num_drawn=16, num_examples=4)
    other = grow_atlas(model, (3, 2), num_drawn=16, num_examples=4, seed=1)
    np.testing.assert_array_equal(again.mean, root.mean)
    assert (other.mean != root.mean).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"branches": ()}, "1 to 8 numbers, got 0"),
        ({"branches": (2,) * 9}, "1 to 8 numbers, got 9"),
        ({"branches": (17,)}, "between 1 and the 16 proposals, got 17"),
        ({"branches": (0,)}, "between 1 and the 16 proposals, got 0"),
        ({"num_drawn": 0}, "num_drawn"),
    ],
)
def test_wrong_numbers_are_refused(model, options, message):
    with pytest.raises(ValueError, match=message):
        grow_atlas(model, **options)
