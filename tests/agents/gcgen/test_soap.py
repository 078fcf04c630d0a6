"""SOAP: against the algorithm of the paper, written out, and against Adam."""

import itertools

import pytest
import torch

from agents.gcgen.optimizer import make_optimizer
from agents.gcgen.soap import SOAP
from tests.agents.conftest import make_model

LR, BETA1, BETA2, EPS, INTERVAL = 0.1, 0.9, 0.95, 1e-8, 3


def make_gradients(*shape, num=8):
    generator = torch.Generator().manual_seed(0)
    scale = torch.logspace(-1, 1, shape[-1], dtype=torch.double)
    return [scale * torch.randn(*shape, generator=generator).double() for _ in range(num)]


def run(gradients, **settings):
    """Return the weights after each update, beginning at zero."""
    weight = torch.nn.Parameter(torch.zeros_like(gradients[0]))
    optimizer = SOAP([weight], LR, (BETA1, BETA2), EPS, INTERVAL, **settings)
    weights = []
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
        weights.append(weight.detach().clone())
    return weights


def follow_the_paper(gradients):
    """Algorithms 3 and 4 of the paper for a matrix, with Adam's correction of the bias."""
    weight, weights = torch.zeros_like(gradients[0]), []
    m, v = torch.zeros_like(weight), torch.zeros_like(weight)
    for t, g in enumerate(gradients):
        if t == 0:  # the first gradient initialises L and R
            left, right = g @ g.T, g.T @ g
            q_left, q_right = (torch.linalg.eigh(x).eigenvectors.flip(1) for x in (left, right))
        else:
            g_turned = q_left.T @ g @ q_right
            m = BETA1 * m + (1 - BETA1) * g
            m_turned = q_left.T @ m @ q_right
            v = BETA2 * v + (1 - BETA2) * g_turned**2
            n_turned = (m_turned / (1 - BETA1**t)) / ((v / (1 - BETA2**t)).sqrt() + EPS)
            weight = weight - LR * q_left @ n_turned @ q_right.T
            left = BETA2 * left + (1 - BETA2) * g @ g.T
            right = BETA2 * right + (1 - BETA2) * g.T @ g
            if t % INTERVAL == 0:
                for axis, (moment, q) in enumerate(((left, q_left), (right, q_right))):
                    order = (q * (moment @ q)).sum(0).argsort(descending=True)
                    v = v.index_select(axis, order)
                    turned = torch.linalg.qr(moment @ q[:, order]).Q
                    q_left, q_right = (turned, q_right) if axis == 0 else (q_left, turned)
        weights.append(weight)
    return weights


def test_it_is_the_algorithm_of_the_paper():
    gradients = make_gradients(4, 6)
    for own, expected in zip(run(gradients), follow_the_paper(gradients), strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-6, atol=1e-8)


def test_the_first_update_only_measures():
    assert not run(make_gradients(4, 6))[0].any()


def test_weights_decay_before_they_change():
    gradients = make_gradients(4, 6)
    plain, decayed = run(gradients), run(gradients, weight_decay=0.5)
    changes = [after - before for before, after in itertools.pairwise(plain)]
    for (before, after), change in zip(itertools.pairwise(decayed), changes, strict=True):
        torch.testing.assert_close(after, (1 - LR * 0.5) * before + change)


def test_without_axes_it_is_adam():
    gradients = make_gradients(4, 6)
    weight = torch.nn.Parameter(torch.zeros_like(gradients[0]))
    adam = torch.optim.Adam([weight], LR, (BETA1, BETA2), EPS)
    for gradient, own in zip(gradients[1:], run(gradients, axes=())[1:], strict=True):
        weight.grad = gradient
        adam.step()
        torch.testing.assert_close(own, weight.detach())


def test_a_stack_of_matrices_shares_a_basis():
    """Rotating one axis of (A, K, P) is rotating the rows of the matrix (K, A P)."""
    gradients = make_gradients(3, 4, 5)
    flat = [g.transpose(0, 1).reshape(4, 15) for g in gradients]
    for own, expected in zip(run(gradients, axes=(1,)), run(flat, axes=(0,)), strict=True):
        torch.testing.assert_close(own.transpose(0, 1).reshape(4, 15), expected)


def turn(tensor, axis):
    """Rotate one axis of a tensor by a fixed rotation."""
    generator = torch.Generator().manual_seed(axis)
    size = tensor.shape[axis]
    q = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.double)).Q
    return torch.tensordot(q, tensor.movedim(axis, 0), 1).movedim(0, axis)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_any_axis_can_be_rotated(axes):
    """A rotation of the gradients along these axes rotates the weights."""
    gradients = make_gradients(3, 4, 5)
    turned, expected = gradients, run(gradients, axes=axes)
    for axis in axes:
        turned, expected = ([turn(each, axis) for each in part] for part in (turned, expected))
    for own, other in zip(run(turned, axes=axes), expected, strict=True):
        torch.testing.assert_close(own, other)


@pytest.mark.parametrize(("shape", "axes"), [((40, 70), (0, 1)), ((5, 40, 70), (0, 1, 2))])
@pytest.mark.parametrize("stop", [2, 5])
def test_a_saved_state_goes_on_with_the_same_bits(shape, axes, stop):
    """A file stores every tensor row by row, whatever its layout was."""
    gradients = [gradient.float() for gradient in make_gradients(*shape)]
    expected = run(gradients, axes=axes)[-1]
    weight, saved = torch.nn.Parameter(torch.zeros(shape)), {}
    for part in (gradients[:stop], gradients[stop:]):
        optimizer = SOAP([weight], LR, (BETA1, BETA2), EPS, INTERVAL, axes=axes)
        optimizer.load_state_dict({**optimizer.state_dict(), "state": saved})
        for gradient in part:
            weight.grad = gradient.clone()
            optimizer.step()
        state = optimizer.state_dict()["state"][0]
        assert all(value.is_contiguous() for value in state.values())
        saved = {0: {key: torch.tensor(value.tolist()) for key, value in state.items()}}
    assert torch.equal(weight, expected)


def test_the_axes_of_the_network():
    network = make_model().s_agent.network
    optimizer = make_optimizer("soap", network, 0.1, weight_decay=0.2)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    assert len({id(weight) for weight in weights}) == len(weights)
    assert {id(weight) for weight in weights} == {id(weight) for weight in network.parameters()}
    axes = {id(w): group["axes"] for group in optimizer.param_groups for w in group["params"]}
    assert axes[id(network.head.weight)] == (1,)
    assert axes[id(network.trunk.embed.weight)] == axes[id(network.prior_head.weight)] == (0, 1)
    assert axes[id(network.head.bias)] == axes[id(network.trunk.norm.weight)] == ()
    decays = {(group["axes"] != (), group["weight_decay"]) for group in optimizer.param_groups}
    assert decays == {(True, 0.2), (False, 0.0)}
