"""Gradients: against finite differences, against enumeration, against a closed form."""

from dataclasses import replace

import pytest
import torch

from agents.gcgen.bound import compute_bound
from agents.gcgen.losses import check_finite, s_agent_loss
from agents.gcgen.rollout import rollout
from gcgen_env.model.chain import Dynamics
from tests.agents.toys import (
    TYPED_PATHS,
    A,
    H,
    enumerate_paths,
    follow,
    get_prior,
    make_chain,
    make_goals,
    make_network,
    make_policy,
)

ACTION = torch.tensor([[0, 2, 1], [2, 0, 2], [1, 1, 0], [2, 2, 2]])


@pytest.fixture
def chain():
    """The 3-pixel toy in float64, its network trainable."""
    chain = make_chain("network")
    chain.proposer.double()
    dynamics = Dynamics(chain.dynamics.initial.double(), chain.dynamics.rate.double())
    return replace(chain, dynamics=dynamics)


@pytest.fixture
def goals(chain):
    return make_goals(chain)[[1, 6, 4, 7]].double()


def fixed_q(state, decision):
    """A q that depends on the step alone, so that the loss depends on the S-agent alone."""
    logits = torch.tensor([[0.5, -1.0, 0.2], [0.0, 1.0, -2.0], [1.0, 0.3, 0.0]])
    return logits[state.step].double().log_softmax(-1)


def roll(chain, goals):
    return rollout(chain, fixed_q, goals, follow(ACTION))


def gradients(network, loss):
    """Return the gradient of every parameter, zeros where it has no gradient."""
    network.zero_grad(set_to_none=True)
    loss.backward()
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in network.named_parameters()
    }


@torch.no_grad()
def central_differences(network, compute_loss, width=1e-5):
    """Return (L(w + e) - L(w - e)) / 2e for every weight of a network."""
    result = {}
    for name, parameter in network.named_parameters():
        flat, slopes = parameter.data.view(-1), torch.zeros(parameter.numel(), dtype=torch.double)
        for i, value in enumerate(flat.tolist()):
            losses = []
            for moved in (value + width, value - width):
                flat[i] = moved
                losses.append(compute_loss().item())
            flat[i] = value
            slopes[i] = (losses[0] - losses[1]) / (2 * width)
        result[name] = slopes.view_as(parameter)
    return result


def test_bound_and_losses_from_numbers_typed_by_hand():
    bound = compute_bound(TYPED_PATHS)
    assert bound.reconstruction.tolist() == [4.0, 6.0]
    assert bound.divergence.tolist() == [[2.0, 0.5], [0.0, 0.5]]
    assert bound.nll.tolist() == [6.5, 6.5]


@pytest.mark.parametrize("nucleus", [1.0, 0.5])
@torch.no_grad()
def test_the_loss_is_that_of_its_formula(chain, goals, nucleus):
    chain = replace(chain, nucleus=nucleus)  # below 1, log p_S is -inf where q is 0
    path = rollout(chain, lambda state, decision: decision.log_prior, goals, follow(ACTION))
    expected = torch.zeros(4, dtype=torch.double)
    for h in range(H):
        log_prior = get_prior(chain, path.canvas[:, h], torch.full((4,), h))
        p = log_prior.exp()  # here q is p_S
        expected -= (p * log_prior.masked_fill(p == 0, 0.0)).sum(1)
    expected -= chain.likelihood.log_prob(path.canvas[:, H], goals)
    torch.testing.assert_close(s_agent_loss(chain, path, goals), expected.mean())
    between = (path.potential[:, 1] + path.potential[:, 2]) / 2
    expected -= 0.5 * between
    torch.testing.assert_close(s_agent_loss(chain, path, goals, 0.5), expected.mean())


@torch.no_grad()
def test_a_single_decision_has_no_intermediate_states(chain, goals):
    chain = replace(chain, dynamics=Dynamics(chain.dynamics.initial, chain.dynamics.rate[:1]))
    path = rollout(chain, fixed_q, goals, follow(ACTION[:, :1]))
    assert s_agent_loss(chain, path, goals, auxiliary=1.0) == s_agent_loss(chain, path, goals)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_refused(value):
    loss = torch.tensor(1.5)
    assert check_finite(loss, 0) is loss
    with pytest.raises(ValueError, match="training diverged at update 7: lower learning_rate"):
        check_finite(torch.tensor(value), 7)


def test_gradient_of_the_s_agent_equals_central_differences(chain, goals):
    """Of the loss as a function of the weights, the trajectories held fixed."""
    network, path = chain.proposer, roll(chain, goals)
    exact = gradients(network, s_agent_loss(chain, path, goals, 0.5))
    numeric = central_differences(network, lambda: s_agent_loss(chain, path, goals, 0.5))
    for name in exact:
        torch.testing.assert_close(exact[name], numeric[name], rtol=1e-5, atol=1e-7)
    assert all(g.abs().max() > 1e-3 for name, g in exact.items() if name.startswith("head"))


def test_the_reconstruction_reaches_every_proposal_of_a_path(chain, goals):
    """d log p(g | x_H) / d y_h is alpha_h times the gradient at x_H, whatever follows."""
    path = roll(chain, goals)
    end = path.canvas[:, -1].clone().requires_grad_()
    chain.likelihood.log_prob(end, goals).mean().backward()
    bias = gradients(chain.proposer, s_agent_loss(chain, path, goals))["head.bias"]  # (A, P)
    expected = torch.zeros_like(bias)
    for h in range(H):
        expected.index_add_(0, ACTION[:, h], -chain.dynamics.rate[h] * end.grad.flatten(1))
    torch.testing.assert_close(bias, expected)  # imitation adds nothing: it reads fixed states


def test_imitation_converges_to_the_mixture_of_the_policies(chain):
    """p_S(a | x) = sum_g w_g q(a | x, g), w_g proportional to how likely q(.|., g) visits x."""
    network = make_network(width=32).double().requires_grad_(False)
    network.trunk.embed.weight *= 8  # else the features of the 13 states are almost dependent
    network.prior_head.requires_grad_(True)
    chain = replace(chain, proposer=network)
    policy = make_policy(chain, prior=False, look_ahead=(2.0, 2.0), learned=False)
    goals = make_goals(chain)[[0, 3, 5]].double().repeat_interleave(A**H, 0)
    action = enumerate_paths(chain).action.repeat(3, 1)  # every code for every goal

    def roll_all():
        return rollout(chain, policy.make_selection(), goals, follow(action))

    q_all = roll_all().q  # (G A^H, H, A)
    q = roll_all().log_q.detach().exp().view(3, A**H, H)
    visits = q.prod(2)  # of each code under each goal, (G, A^H)

    paths = roll_all()._replace(q=q_all * visits.view(-1, 1, 1))  # weighs every path

    def closure():
        optimizer.zero_grad()
        loss = len(goals) * s_agent_loss(chain, paths, goals)  # the reconstruction is constant
        loss.backward()
        return loss

    optimizer = torch.optim.LBFGS(
        network.prior_head.parameters(),
        max_iter=300,
        tolerance_grad=1e-8,
        tolerance_change=1e-12,
        history_size=50,
        line_search_fn="strong_wolfe",
    )
    optimizer.step(closure)
    learned = roll_all().log_prior.detach().exp()[: A**H]  # (A^H, H): p_S never sees the goal
    for h in range(H):
        reach = q[:, :, :h].prod(2)  # of x_h under each goal, (G, A^H)
        mixture = (reach * q[:, :, h]).sum(0) / reach.sum(0)
        torch.testing.assert_close(learned[:, h], mixture, rtol=0, atol=1e-2)
    unweighted = q[:, :, 1].mean(0)
    assert (learned[:, 1] - unweighted).abs().max() > 0.1
