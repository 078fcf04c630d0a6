"""Inner products of all proposals of a linear head."""

import pytest
import torch

from gcgen_env.model.perceptron import LinearHead
from tests.gcgen_env.model.products import check_products

A, K, P, B = 5, 3, 11, 7


@pytest.mark.parametrize("most", [3, B, 100])
def test_are_those_of_the_proposals(monkeypatch, most):
    """However many states are in memory at once."""
    monkeypatch.setattr("gcgen_env.model.inner_products.MOST_STATES", most)
    torch.manual_seed(0)
    head = LinearHead(K, A, P)
    z, r, w = torch.randn(B, K), torch.randn(B, P), torch.rand(P)
    y = head(z)  # (B, A, P)
    first, second = head.products(z, r, w)
    torch.testing.assert_close(first, (r.unsqueeze(1) * y).sum(-1))
    torch.testing.assert_close(second, (w * y * y).sum(-1))


@pytest.mark.parametrize("inside", [True, False])
def test_follow_the_weights(inside):
    torch.manual_seed(0)
    head = LinearHead(K, A, P)
    z, r, w = torch.randn(B, K), torch.randn(B, P), torch.rand(P)
    check_products(head, z, r, w, inside)
