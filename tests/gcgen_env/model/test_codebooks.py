"""Codebooks as proposals, and the prior over their codewords."""

import pytest
import torch
from torch import nn

from gcgen_env.model.basis import SPREAD
from gcgen_env.model.codebooks import CodebookHead, CodebookPrior
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from tests.gcgen_env.model.products import check_products

A, P, B, W = 5, 9, 12, 6
GROUPS = ((0, 1), (1, 3), (4, 2), (4, 2))
"""The last two steps have the same coordinates; three coordinates never change."""


@pytest.fixture
def head():
    torch.manual_seed(0)
    head = CodebookHead(GROUPS, A, P)
    with torch.no_grad():
        for own, (_, size) in zip(head.codebook, GROUPS, strict=True):
            own[:size] = torch.randn(size, A)
    return head


@pytest.fixture
def prior(head):
    prior = CodebookPrior(head, W)
    for weight in prior.parameters():
        nn.init.normal_(weight)
    return prior


def draw_steps(num=B):
    return torch.randint(len(GROUPS), (num,))


def test_a_step_moves_its_own_coordinates_alone(head):
    step = torch.arange(len(GROUPS))
    moved = head(step).abs().sum(1) > 0  # (H, P)
    for row, (first, size) in zip(moved, GROUPS, strict=True):
        assert row.nonzero().flatten().tolist() == list(range(first, first + size))
    assert torch.equal(head(step)[1, 2, 1:4], head.codebook[1, :, 2])


def test_chosen_codewords_are_those_of_all(head):
    step, action = draw_steps(), torch.randint(A, (B,))
    assert torch.equal(head.chosen(step, action), head(step)[torch.arange(B), action])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_part_of_the_coordinates_is_that_of_all(head, dtype):
    step, part = draw_steps(), torch.tensor([0, 2, 5, 8])
    assert torch.equal(head(step, dtype, part), head(step, dtype)[..., part])
    assert torch.equal(head(step, dtype), head(step).to(dtype).float())


def test_codewords_are_fixed(head):
    assert not list(head.parameters())
    assert set(head.state_dict()) == {"codebook"}  # files of S-agents hold them


def test_a_uniform_prior_leaves_nothing_to_learn():
    sizes = {"features": None, "groups": GROUPS, "uniform_prior": True}
    with pytest.raises(ValueError, match="codebooks learn only p_S: omit uniform_prior"):
        NetworkConfig((P,), A, len(GROUPS), "gaussian", **sizes)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("num", [B, 200])
def test_inner_products_are_those_of_the_proposals(head, inside, num, together):
    step = torch.full((num,), 2) if together else draw_steps(num)
    check_products(head, step, torch.randn(num, P), torch.rand(P), inside)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("num", [B, 200])
def test_prior_is_the_formula_of_the_docstring(head, prior, num, together):
    step = torch.full((num,), 2) if together else draw_steps(num)
    features = torch.randn(num, W)
    found = prior(features, step, head)
    longest = max(size for _, size in GROUPS)
    for b in range(0, num, 7):
        h, (_, size) = step[b], GROUPS[step[b]]
        m, kappa = (prior.offset[h] + features[b] @ prior.weight[h]).split(longest)
        c = head.codebook[h, :size].T / SPREAD  # (A, N_h)
        logits = prior.bias[h] + c @ m[:size] - 0.5 * c.square() @ kappa[:size]
        torch.testing.assert_close(found[b], logits.log_softmax(0), rtol=1e-4, atol=1e-4)


def test_a_fresh_prior_is_its_bias(head):
    prior = CodebookPrior(head, W)
    step, features = draw_steps(), torch.randn(B, W)
    uniform = torch.full((B, A), 1 / A).log()
    torch.testing.assert_close(prior(features, step, head), uniform)
    nn.init.normal_(prior.bias)
    torch.testing.assert_close(prior(features, step, head), prior.bias[step].log_softmax(-1))


@pytest.mark.parametrize("num", [B, 200])
def test_gradient_of_the_prior_against_finite_differences(head, prior, num):
    head.double(), prior.double()
    step, features = draw_steps(num), torch.randn(num, W, dtype=torch.double)
    rows = torch.randint(A, (num,))

    def loss(features, *weights):
        return -prior(features, step, head)[torch.arange(num), rows].mean()

    assert torch.autograd.gradcheck(loss, (features.requires_grad_(), *prior.parameters()))
    loss(features).backward()
    assert head.codebook.grad is None


class TestNetwork:
    def make(self, **changes):
        sizes = {"features": None, "width": 8, "groups": GROUPS, **changes}
        torch.manual_seed(0)
        return ProposalNetwork(NetworkConfig((P,), A, len(GROUPS), "gaussian", **sizes))

    def test_lazy_results_are_those_of_propose(self):
        network = self.make()
        nn.init.normal_(network.head.codebook)
        nn.init.normal_(network.prior_head.weight)
        x, step, action = torch.randn(B, P), draw_steps(), torch.randint(A, (B,))
        changes, log_prior = network.propose(x, step)
        lazy = network.lazy(x, step)
        assert torch.equal(lazy.log_prior, log_prior)
        assert torch.equal(lazy.all(torch.float32), changes)
        assert torch.equal(lazy.chosen(action), changes[torch.arange(B), action])
        assert torch.allclose(log_prior.logsumexp(1), torch.zeros(B), atol=1e-5)

    def test_no_states_have_no_proposals(self):
        """As when no environment of a batch has a next state."""
        network, x, step = self.make(), torch.zeros(0, P), torch.zeros(0, dtype=torch.int64)
        changes, log_prior = network.propose(x, step)
        assert changes.shape == (0, A, P)
        assert log_prior.shape == (0, A)
        first, second = network.head.products(step, x, torch.ones(P))
        assert first.shape == second.shape == (0, A)

    def test_same_states_are_computed_once(self):
        network = self.make()
        x, step = torch.randn(1, P).expand(B, P), torch.full((B,), 2)
        one, all_of_them = network.lazy(x, step, same_state=True), network.lazy(x, step)
        torch.testing.assert_close(one.log_prior, all_of_them.log_prior)
        torch.testing.assert_close(one.all(torch.float32), all_of_them.all(torch.float32))

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"groups": GROUPS[:3]}, "groups must be 4, one for each step, got 3"),
            ({"groups": (*GROUPS[:3], (4, 2, 1))}, "must be a pair of integers"),
            ({"groups": (*GROUPS[:3], (4, 2.0))}, "must be a pair of integers"),
            ({"groups": (*GROUPS[:3], (8, 2))}, "a group of 2 values from 8 is not in the image"),
            ({"groups": (*GROUPS[:3], (-1, 2))}, "is not in the image"),
            ({"groups": (*GROUPS[:3], (3, 0))}, "is not in the image"),
            ({"features": 4}, "codebooks need body='mlp' and features=None"),
        ],
    )
    def test_refuses_groups_that_cannot_be(self, changes, words):
        with pytest.raises(ValueError, match=words):
            self.make(**changes)
