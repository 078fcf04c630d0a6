"""Both proposal heads: the chosen proposals against all of them, values and gradients."""

import pytest
import torch
from torch import nn

from gcgen_env.model.convolutional import ConvHead
from gcgen_env.model.perceptron import LinearHead

A, B = 5, 23


def make_linear():
    return LinearHead(features=7, num_proposals=A, values=11), torch.randn(B, 7)


def make_conv():
    head = ConvHead(features=7, num_proposals=A, channels=3)
    nn.init.normal_(head.bias)
    return head, torch.randn(B, 7, 4, 6)


HEADS = pytest.mark.parametrize("make", [make_linear, make_conv], ids=["linear", "conv"])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def gather(head, z, action):
    """Return the chosen proposals in the plain way: compute all of them, then select."""
    return head(z)[torch.arange(len(z)), action]


def assert_same_gradients(own, expected):
    """Compare to 1e-5 of the largest entry, the accuracy of float32 sums."""
    for one, other in zip(own, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


def compute_gradients(choose, head, z, actions):
    """Back-propagate through a chain of choices; return the gradients of z, weight, bias."""
    head.zero_grad()
    z = z.clone().requires_grad_()
    x = z
    for action in actions:
        move = choose(head, x, action).unflatten(1, (-1, *z.shape[2:]))  # (B, P) or (B, C, h, w)
        x = torch.tanh(x + move.sin().sum(1, keepdim=True))
    (x**2).sum().backward()
    return [t.grad.clone() for t in (z, head.weight, head.bias)]


def call_chosen(head, z, action):
    return head.chosen(z, action)


def test_linear_head_by_hand():
    head = LinearHead(features=2, num_proposals=2, values=1)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[[1.0], [2.0]], [[3.0], [-1.0]]]))
        head.bias.copy_(torch.tensor([[10.0], [20.0]]))
    z = torch.tensor([[1.0, 1.0], [2.0, 0.0]])
    assert head(z).tolist() == [[[13.0], [22.0]], [[12.0], [26.0]]]
    assert head.chosen(z, torch.tensor([1, 0])).tolist() == [[22.0], [12.0]]


def test_conv_head_is_a_one_by_one_convolution():
    head, z = make_conv()
    weight, bias = head.weight.flatten(0, 1)[..., None, None], head.bias.flatten()
    expected = nn.functional.conv2d(z, weight, bias).view(B, A, -1)
    torch.testing.assert_close(head(z), expected)


@HEADS
@pytest.mark.parametrize("distinct", [1, 2, A])
def test_chosen_proposals_are_those_of_all(make, distinct):
    head, z = make()
    action = torch.randint(distinct, (B,))
    torch.testing.assert_close(head.chosen(z, action), gather(head, z, action), rtol=0, atol=1e-6)


@HEADS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_a_part_of_the_values_is_that_of_all(make, dtype):
    head, z = make()
    part = torch.tensor([0, 3, 8])
    expected = head(z, dtype)[..., part]
    torch.testing.assert_close(head(z, dtype, part), expected)
    with head.cast_once(dtype, part):
        torch.testing.assert_close(head(z, dtype, part), expected)
        torch.testing.assert_close(head(z, dtype)[..., part], expected)  # another part


@HEADS
def test_an_empty_batch_has_no_chosen_proposals(make):
    head, z = make()
    chosen = head.chosen(z[:0], torch.zeros(0, dtype=torch.int64))
    assert chosen.shape == (0, head(z).shape[2])


@HEADS
@pytest.mark.parametrize("length", [1, 4])
def test_gradients_of_chosen_proposals_are_those_of_all(make, length):
    head, z = make()
    actions = torch.randint(A - 1, (length, B))  # the last proposal is never chosen
    expected = compute_gradients(gather, head, z, actions)
    own = compute_gradients(call_chosen, head, z, actions)
    assert_same_gradients(own, expected)
    assert not own[1][A - 1].any() and not own[2][A - 1].any()


@HEADS
def test_gradients_against_finite_differences(make):
    head, z = make()
    head.double()
    z = z[:4].double().requires_grad_()
    action = torch.tensor([3, 0, 3, 1])
    assert torch.autograd.gradcheck(
        lambda z, weight, bias: head.chosen(z, action), (z, head.weight, head.bias)
    )


@HEADS
def test_gradients_add_to_those_already_there(make):
    head, z = make()
    action = torch.randint(A, (B,))
    for _ in range(2):
        head.chosen(z, action).sum().backward()
    twice = [head.weight.grad.clone(), head.bias.grad.clone()]
    head.zero_grad()
    (2 * gather(head, z, action).sum()).backward()
    assert_same_gradients(twice, [head.weight.grad, head.bias.grad])


@HEADS
def test_frozen_weights_get_no_gradient(make):
    head, z = make()
    head.requires_grad_(False)
    z.requires_grad_()
    head.chosen(z, torch.randint(A, (B,))).sum().backward()
    assert head.weight.grad is None and head.bias.grad is None
    assert z.grad.abs().sum() > 0
