"""The transition: hand numbers, proposals together against one alone."""

import numpy as np
import pytest
import torch

from gcgen_env.model.dynamics import Dynamics

SHAPES = pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 7, 5)], ids=str)


def make(shape, horizon=3):
    generator = torch.Generator().manual_seed(0)
    return Dynamics(
        torch.randn(shape, generator=generator), torch.rand(horizon, generator=generator)
    )


def test_transition_by_hand():
    dynamics = Dynamics(torch.zeros(2), torch.tensor([1.0, 0.5]))
    canvas = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    delta = torch.tensor([[10.0, -10.0], [2.0, 4.0]])
    reached = dynamics.advance(canvas, delta, torch.tensor([0, 1]))
    assert reached.tolist() == [[11.0, -8.0], [4.0, 6.0]]
    assert canvas.tolist() == [[1.0, 2.0], [3.0, 4.0]]  # left alone


def test_horizon_is_the_number_of_rates():
    assert make((2,), horizon=7).horizon == 7


@SHAPES
def test_start_gives_copies_with_their_own_memory(shape):
    dynamics = make(shape)
    before = dynamics.initial.clone()
    canvas = dynamics.start(3)
    assert canvas.shape == (3, *shape)
    assert all(torch.equal(row, before) for row in canvas)
    canvas[0] += 1
    assert torch.equal(canvas[1], before) and torch.equal(dynamics.initial, before)


@SHAPES
def test_all_proposals_together_are_each_alone_bit_for_bit(shape):
    dynamics = make(shape)
    generator = torch.Generator().manual_seed(1)
    canvas = torch.randn(5, *shape, generator=generator)
    delta = torch.randn(5, 4, *shape, generator=generator)
    step = torch.tensor([0, 1, 2, 2, 0])
    together = dynamics.advance(canvas[:, None], delta, step)
    assert together.shape == delta.shape
    for b in range(5):
        for a in range(4):
            one = dynamics.advance(canvas[b : b + 1], delta[b : b + 1, a], step[b : b + 1])
            assert torch.equal(one[0], together[b, a])


@SHAPES
def test_transition_recomputed_in_numpy(shape):
    dynamics = make(shape)
    canvas, delta = dynamics.start(3), torch.ones(3, *shape)
    reached = dynamics.advance(canvas, delta, torch.arange(3))
    for h in range(3):
        expected = dynamics.initial.double().numpy() + float(dynamics.rate[h])
        np.testing.assert_allclose(reached[h], expected, rtol=1e-6, atol=1e-7)


def test_gradient_of_the_delta_is_the_rate():
    dynamics = make((2,))
    delta = torch.zeros(3, 2, requires_grad=True)
    dynamics.advance(dynamics.start(3), delta, torch.arange(3)).sum().backward()
    assert torch.equal(delta.grad, dynamics.rate[:, None].expand(3, 2))


def test_to_moves_both_tensors():
    moved = make((2,)).to("meta")
    assert moved.initial.device.type == moved.rate.device.type == "meta"


def test_starts_are_contiguous_whatever_the_initial_image():
    initial = torch.arange(6.0).view(1, 2, 3).transpose(1, 2)
    start = Dynamics(initial, torch.ones(2)).start(1)
    assert start.is_contiguous()
    assert torch.equal(start[0], initial)
