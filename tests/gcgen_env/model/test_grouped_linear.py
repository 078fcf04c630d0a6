"""Three ways to compute products with chosen matrices: sums, groups, dense products."""

import pytest
import torch

from gcgen_env.model.grouped_linear import ChosenRows, Groups, correlate_all, sum_groups, sum_rows

A, N, M = 5, 7, 11
ACTIONS = pytest.mark.parametrize(
    "action",
    [torch.randint(A, (23,)), torch.full((9,), 3), torch.arange(A), torch.tensor([4, 4, 0])],
    ids=["mixed", "one index", "each once", "few"],
)


def loop(x, matrices, action):
    return torch.stack([each @ matrices[a] for each, a in zip(x, action, strict=True)])


@ACTIONS
@pytest.mark.parametrize("transposed", [False, True])
def test_products_are_those_of_a_loop(action, transposed):
    matrices = torch.randn(A, M, N).transpose(1, 2) if transposed else torch.randn(A, N, M)
    x = torch.randn(len(action), N)
    expected = loop(x, matrices, action)
    for own in (sum_rows(x, matrices, action), Groups.of(action, A).multiply(x, matrices)):
        torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-5)


@ACTIONS
def test_gradients_of_the_weights_are_those_of_a_loop(action):
    x, y = torch.randn(len(action), N), torch.randn(len(action), M)
    weight, bias = torch.zeros(A, N, M), torch.zeros(A, M)
    for a, left, right in zip(action, x, y, strict=True):
        weight[a] += torch.outer(left, right)
        bias[a] += right
    own = correlate_all(x, y, action, A)
    torch.testing.assert_close(own[0], weight, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(own[1], bias, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(Groups.of(action, A).correlate(x, y), weight, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sum_groups(y, action, A), bias, rtol=1e-5, atol=1e-5)


@ACTIONS
@pytest.mark.parametrize("trained", [(True, True), (False, True), (False, False)])
def test_only_what_is_trained_has_a_gradient(action, trained):
    weight, bias = torch.randn(A, N, M), torch.randn(A, M)
    for each, is_trained in zip((weight, bias), trained, strict=True):
        each.requires_grad_(is_trained)
    z = torch.randn(len(action), N, requires_grad=True)
    y = torch.randn(len(action), M)
    ChosenRows.apply(z, weight, bias, action).backward(y)
    torch.testing.assert_close(z.grad, loop(y, weight.detach().transpose(1, 2), action))
    expected = correlate_all(z.detach(), y, action, A)
    for each, is_trained, own in zip((weight, bias), trained, expected, strict=True):
        assert (each.grad is not None) == is_trained
        if is_trained:
            torch.testing.assert_close(each.grad, own, rtol=1e-5, atol=1e-5)
