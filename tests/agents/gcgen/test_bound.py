"""The master test: the bound against the exact value, on chains small enough to enumerate."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.gcgen.bound import compute_bound, compute_image_bounds, evaluate_bound
from gcgen_env.model.coordinates import RolloutSpace
from gcgen_env.model.likelihoods import Gaussian
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.stored_values import log_probability
from tests.agents.toys import (
    KINDS,
    PIXELS,
    A,
    H,
    SoftOptimum,
    enumerate_paths,
    exact_log_prob,
    make_agents,
    make_chain,
    make_goals,
    roll_every_path,
)

AGENTS = tuple(make_agents(make_chain("network")))
PRUNED = 0.7


def evaluate(chain, *arguments):
    """Call `evaluate_bound` with roll-outs on the canvases of a chain."""
    return evaluate_bound(RolloutSpace.of(chain), *arguments)


@pytest.fixture(params=itertools.product(KINDS, (1.0, PRUNED)), ids=lambda p: f"{p[0]}-{p[1]}")
def chain(request):
    return make_chain(*request.param)


def test_the_enumeration_is_what_decoding_does():
    chain = make_chain("network")
    paths = enumerate_paths(chain)
    decoded = SAgent(chain).decode(paths.action.numpy(), return_trajectory=True)
    assert paths.action.unique(dim=0).shape == (A**H, H)
    np.testing.assert_allclose(decoded, chain.likelihood.mean(paths.canvas), atol=1e-6)


def test_p_s_is_normalised_over_codes(chain):
    prior = enumerate_paths(chain).log_prior.double().sum(1).exp()
    assert prior.sum().item() == pytest.approx(1, abs=1e-6)
    assert bool((prior == 0).any()) == (chain.nucleus < 1)


@pytest.mark.parametrize("kind", ["network", "handwritten"])
@pytest.mark.parametrize("nucleus", [1.0, PRUNED])
def test_p_s_is_normalised_over_images(kind, nucleus):
    chain = make_chain(kind, nucleus)
    total = exact_log_prob(chain, make_goals(chain)).exp().sum().item()  # all 8 binary images
    assert total == pytest.approx(1, abs=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("name", AGENTS)
def test_the_expected_bound_is_never_below_the_exact_value(chain, name):
    exact = -exact_log_prob(chain, make_goals(chain))
    make_agent = make_agents(chain)[name]
    for goal, nll in zip(make_goals(chain), exact, strict=True):
        path = roll_every_path(chain, make_agent(goal.expand(A**H, *goal.shape)), goal)
        q = path.log_q.double().sum(1).exp()
        possible = q > 0  # other paths are never drawn, and their bound is infinite
        expected = (q * compute_bound(path).nll.double())[possible].sum()
        assert q.sum().item() == pytest.approx(1, abs=1e-5)
        assert expected >= nll - 1e-6
        assert (path.log_prior[possible] > -torch.inf).all()


@pytest.mark.parametrize("name", AGENTS)
def test_the_sampled_bound_agrees_with_the_expected_one(chain, name):
    goal = make_goals(chain)[5]
    agent = make_agents(chain)[name](goal.expand(A**H, *goal.shape))
    path = roll_every_path(chain, agent, goal)
    q, nll = path.log_q.double().sum(1).exp(), compute_bound(path).nll.double()
    expected = (q * nll)[q > 0].sum().item()
    report = evaluate_bound(
        RolloutSpace.of(chain), make_agents(chain)[name], goal.expand(2000, *goal.shape)
    )
    assert abs(report.nll - expected) <= 4 * report.standard_error + 1e-3
    assert report.nll >= -exact_log_prob(chain, goal[None]).item() - 4 * report.standard_error


@torch.no_grad()
@pytest.mark.parametrize("shaping", [False, True], ids=["terminal", "shaping"])
def test_at_the_soft_optimum_every_path_gives_the_exact_value(chain, shaping):
    goals = make_goals(chain)
    exact = exact_log_prob(chain, goals)
    agent = SoftOptimum(chain, shaping)
    value = agent.soft_value(chain.dynamics.start(len(goals)), goals, 0)
    start = chain.likelihood.log_prob(chain.dynamics.start(len(goals)), goals)
    torch.testing.assert_close(value + start * shaping, exact.float(), rtol=0, atol=1e-5)
    report = evaluate_bound(
        RolloutSpace.of(chain), lambda _: agent, goals.repeat(20, *[1] * len(chain.shape))
    )
    np.testing.assert_allclose(report.per_image, -exact.repeat(20), rtol=0, atol=1e-5)


def test_iw_m_falls_towards_the_exact_value(chain):
    goal = make_goals(chain)[3]
    exact = -exact_log_prob(chain, goal[None]).item()
    make_agent = make_agents(chain)["random"]
    reports = [
        evaluate_bound(
            RolloutSpace.of(chain), make_agent, goal.expand(rows, *goal.shape), num_paths
        )
        for num_paths, rows in ((1, 2000), (8, 400), (64, 100), (512, 50))
    ]
    assert reports[0].nll > reports[1].nll > reports[2].nll
    assert reports[3].nll <= reports[2].nll + 4 * reports[2].standard_error
    for report in reports:
        assert report.nll >= exact - 4 * report.standard_error
    assert reports[0].nll > exact + 0.02
    assert reports[-1].nll == pytest.approx(exact, abs=0.05)


def test_a_search_that_misses_codes_stays_above_the_exact_value():
    chain = make_chain("network")
    goal = make_goals(chain)[3]
    exact = -exact_log_prob(chain, goal[None]).item()

    def always_first(state, decision):
        return torch.tensor([0.0, -torch.inf, -torch.inf]).expand(len(state.canvas), A)

    report = evaluate_bound(
        RolloutSpace.of(chain), lambda _: always_first, goal.expand(4, *goal.shape), 64
    )
    assert report.nll > exact + 0.1


def test_the_report_adds_up():
    chain = make_chain("network")
    goals = make_goals(chain)
    one, many = (evaluate(chain, make_agents(chain)["look-ahead"], goals, m) for m in (1, 8))
    assert one.nll == pytest.approx(one.negative_elbo, abs=1e-6)
    assert many.nll < many.negative_elbo
    for report in (one, many):
        parts = report.reconstruction + sum(report.divergence)
        assert report.negative_elbo == pytest.approx(parts, abs=1e-6)
        assert len(report.divergence) == H
        assert report.per_image.mean() == pytest.approx(report.nll)
        spread = report.per_image.std(ddof=1) / np.sqrt(8)
        assert report.standard_error == pytest.approx(spread)
        assert report.num_images == 8
    assert (one.name, many.name) == ("-ELBO", "IW-8")
    assert str(many).startswith(f"IW-8 {many.nll:.2f}")


def test_batches_do_not_change_the_report():
    chain = make_chain("network")
    goals = make_goals(chain).repeat(40, 1, 1, 1)  # 320 goals: more than one batch
    report = evaluate(chain, lambda _: SoftOptimum(chain), goals)
    np.testing.assert_allclose(report.per_image[:8], report.per_image[-8:], atol=1e-5)


def test_a_seed_repeats_the_paths_and_none_draws_them_anew():
    chain = make_chain("network")
    goals, make_agent = make_goals(chain), make_agents(chain)["random"]
    one, again, other, fresh, fresher = (
        evaluate(chain, make_agent, goals, 2, seed).per_image for seed in (3, 3, 4, None, None)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any() and (fresh != fresher).any()


@pytest.mark.parametrize("num_paths", [300, 513])
def test_paths_beyond_one_batch_are_all_counted(num_paths):
    chain = make_chain("network")
    goals, sizes = make_goals(chain)[:2], []
    agent = make_agents(chain)["random"](goals)

    def count(state, decision):
        if not state.step.any():
            sizes.append(len(state.goal))
        return agent(state, decision)

    report = evaluate(chain, lambda _: count, goals, num_paths)
    assert sum(sizes) == 2 * num_paths and max(sizes) <= 256
    assert report.num_paths == num_paths and np.isfinite(report.per_image).all()


def test_image_bounds_by_hand():
    """Two paths, p(tau, g) / q(tau | g) = 1/4 and 3/4: IW-2 is -log of their mean."""
    reconstruction = torch.tensor([[math.log(2.0), math.log(4 / 3)]])
    divergence = torch.tensor([[[math.log(2.0)], [0.0]]])
    bounds = compute_image_bounds(reconstruction, divergence)
    assert bounds.nll.item() == pytest.approx(math.log(2.0))
    assert bounds.reconstruction.item() == pytest.approx(reconstruction.mean().item())
    assert bounds.divergence.tolist() == [[pytest.approx(math.log(2.0) / 2)]]


@torch.no_grad()
@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
def test_bits_per_dimension_bound_the_exact_code_length(kind):
    """P_S of a stored image sums over all codes; importance weights approach it from above."""
    chain = make_chain("network")
    goals = make_goals(chain)
    if kind == "gaussian":  # bytes of 3 pixels
        chain = replace(make_chain("handwritten"), likelihood=Gaussian(3, sigma=0.2))
        goals = (goals * 200 + 30).round() / 255
    paths = enumerate_paths(chain)
    last = paths.canvas[-1].repeat(len(goals), *[1] * len(PIXELS))
    repeated = goals.repeat_interleave(A**H, 0)
    stored = log_probability(chain.likelihood, last, repeated).view(len(goals), -1)
    exact = -(stored + paths.log_prior.double().sum(1)).logsumexp(1).mean().item()
    make_agent = make_agents(chain)["random"]
    one, many = (evaluate(chain, make_agent, goals, num) for num in (1, 4_000))
    in_bits = exact / (math.prod(PIXELS) * math.log(2))
    assert many.bits_per_dim == pytest.approx(in_bits, rel=0.02)
    assert one.bits_per_dim > in_bits
    assert ("bits per dimension" in str(many)) and many.name == "IW-4000"


def test_images_between_the_bytes_have_no_code_length():
    chain = replace(make_chain("handwritten"), likelihood=Gaussian(3, sigma=0.2))
    report = evaluate(chain, make_agents(chain)["random"], make_goals(chain) * 0.3)
    assert report.bits_per_dim is None and "bits" not in str(report)


def test_one_image_has_no_standard_error():
    chain = make_chain("network")
    report = evaluate_bound(
        RolloutSpace.of(chain), make_agents(chain)["random"], make_goals(chain)[:1]
    )
    assert math.isnan(report.standard_error) and report.nll == pytest.approx(report.per_image[0])
    assert "nan" not in str(report) + report.bound + report._repr_html_()
    assert str(report).endswith("on 1 image")


@pytest.mark.parametrize(("images", "paths"), [(0, 1), (2, 0)])
def test_nothing_to_evaluate_is_refused(images, paths):
    chain = make_chain("network")
    with pytest.raises(ValueError, match=f"got {images} images, {paths} paths"):
        evaluate_bound(
            RolloutSpace.of(chain), lambda _: SoftOptimum(chain), make_goals(chain)[:images], paths
        )
