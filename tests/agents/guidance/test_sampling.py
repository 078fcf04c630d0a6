"""Guided generation against the enumeration of all paths of the toys."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.guidance import GuidanceError, GuidanceInterrupted, sample_guided
from agents.guidance.sampler import SMALL_SHARE
from tests.agents.toys import KINDS, A, H, enumerate_paths, make_chain


def sum_of_values(images):
    return 4.0 * images.reshape(len(images), -1).sum(1)


def find_target(chain, scale):
    """Return p_S(tau) exp(beta score) / Z of all paths, by code."""
    paths = enumerate_paths(chain)
    images = chain.likelihood.mean(paths.canvas[-1]).numpy()
    log_q = paths.log_prior.sum(1).double().numpy() + scale * sum_of_values(images)
    q = np.exp(log_q - log_q.max())
    return dict(zip(map(tuple, paths.action.tolist()), q / q.sum(), strict=True))


def find_distance(sample, target):
    """Return the total variation between the codes of a sample and their target."""
    codes, counts = np.unique(sample.codes, axis=0, return_counts=True)
    found = dict(zip(map(tuple, codes.tolist()), counts / len(sample), strict=True))
    return 0.5 * sum(abs(p - found.get(code, 0.0)) for code, p in target.items())


@pytest.mark.parametrize("kind", KINDS)
def test_many_particles_reach_the_exact_distribution(kind):
    chain = make_chain(kind)
    few, many = (
        sample_guided(chain, 3000, sum_of_values, 1.0, k, seed=0, batch_size=10**5) for k in (1, 32)
    )
    target = find_target(chain, 1.0)
    assert find_distance(many, target) < 0.05  # 0.04 is what 3,000 exact draws would have
    assert find_distance(few, target) > find_distance(many, target)


@pytest.mark.parametrize("num_particles", [1, 4])
def test_scale_zero_is_the_s_agent_alone(num_particles):
    chain = make_chain("network")
    options = {"seed": 0, "batch_size": 10**5}
    sample = sample_guided(chain, 3000, sum_of_values, 0.0, num_particles, **options)
    assert find_distance(sample, find_target(chain, 0.0)) < 0.05


def test_the_first_choice_follows_its_formula():
    chain = make_chain("handwritten")
    step = torch.zeros(1, dtype=torch.int64)
    proposals = chain.propose(chain.dynamics.start(1), step)
    images = chain.next_images(proposals, step)[1][0].numpy()  # (A, 3)
    log_q = proposals.log_prior[0].double().numpy() + SMALL_SHARE * 0.5 * sum_of_values(images)
    q = np.exp(log_q) / np.exp(log_q).sum()
    codes = sample_guided(chain, 4000, sum_of_values, 0.5, seed=0, batch_size=10**5).codes
    found = np.bincount(codes[:, 0], minlength=A) / 4000
    np.testing.assert_allclose(found, q, atol=0.03)


def test_images_codes_and_scores_agree():
    chain = make_chain("handwritten")
    sample = sample_guided(chain, 20, sum_of_values, num_particles=3, seed=0)
    canvas = chain.dynamics.start(20)
    for h in range(H):
        action = torch.from_numpy(sample.codes[:, h])
        canvas = chain.choose(canvas, torch.full((20,), h), action)
    np.testing.assert_allclose(sample.images, chain.likelihood.mean(canvas), atol=1e-6)
    np.testing.assert_allclose(sample.scores, sum_of_values(sample.images), atol=1e-5)
    np.testing.assert_array_equal(np.asarray(sample), sample.images)
    assert len(sample) == 20
    assert "20 images" in repr(sample)


def test_every_image_that_is_scored_is_counted_and_equal_ones_once():
    scored = []

    def score(images):
        scored.append(len(images))
        return sum_of_values(images)

    sample = sample_guided(make_chain("network"), 50, score, num_particles=2, seed=0)
    assert sample.calls == sum(scored)
    assert sample.calls <= A + A * A + A**3  # all next images of the tree, in one batch
    small = sample_guided(make_chain("network"), 50, score, num_particles=2, seed=0, batch_size=4)
    assert max(scored[len(scored) // 2 :]) <= 4 or small.calls > sample.calls


def test_batches_are_bounded_and_do_not_matter():
    largest = []

    def score(images):
        largest.append(len(images))
        return sum_of_values(images)

    chain = make_chain("network")
    whole = sample_guided(chain, 9, score, num_particles=4, seed=3)
    largest.clear()
    parts = sample_guided(chain, 9, score, num_particles=4, seed=3, batch_size=2)
    assert max(largest) == 2
    np.testing.assert_array_equal(whole.codes, parts.codes)


def test_an_image_depends_on_seed_and_number_alone():
    chain = make_chain("network")
    few, many = (sample_guided(chain, num, sum_of_values, seed=5) for num in (3, 30))
    other = sample_guided(chain, 30, sum_of_values, seed=6)
    np.testing.assert_array_equal(few.codes, many.codes[:3])
    assert (many.codes != other.codes).any()


@pytest.mark.parametrize("num_particles", [1, 5])
def test_no_proposal_is_used_twice_in_a_chain_of_single_use(num_particles):
    chain = replace(make_chain("network"), single_use=True)
    codes = sample_guided(chain, 40, sum_of_values, 2.0, num_particles, seed=0).codes
    assert all(len(set(code)) == H for code in codes.tolist())


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: np.full(len(x), np.nan), "must return finite scores .* got nan for image 0 of"),
        (lambda x: np.full(len(x), 1e308), r"scores of at most 1e\+100, got 1e\+308 for image 0"),
        (lambda x: np.full(len(x), -np.inf), "return a low score such as -1e6"),
        (lambda x: np.zeros((len(x), 1)), r"one score for each image, shape \(3,\), got shape \(3"),
        (lambda x: 1.0, r"one score for each image, shape \(3,\), got shape \(\)"),
        (lambda x: None, "one score for each image|array of 3 numbers"),
        (lambda x: ["a"] * len(x), "must return an array of 3 numbers, got list"),
        (lambda x: x.no_such_thing, "raised AttributeError on images of shape"),
    ],
)
def test_a_bad_guidance_is_one_sentence(function, words):
    with pytest.raises(GuidanceError, match=words) as caught:
        sample_guided(make_chain("network"), 4, function, batch_size=3, seed=0)
    assert "\n" not in str(caught.value)
    assert len(caught.value.partial) == 0


@pytest.mark.parametrize(
    ("problem", "caught"), [(KeyboardInterrupt, GuidanceInterrupted), (OSError, GuidanceError)]
)
def test_what_was_complete_is_kept(problem, caught):
    chain, complete = make_chain("network"), []

    def score(images):
        if complete and complete[-1] == 5:
            raise problem
        return sum_of_values(images)

    with pytest.raises(caught) as error:
        sample_guided(chain, 9, score, seed=0, batch_size=3, report=complete.append)
    assert complete == [1, 2, 3, 4, 5]
    expected = sample_guided(chain, 5, sum_of_values, seed=0, batch_size=3)
    np.testing.assert_array_equal(error.value.partial.codes, expected.codes)
    assert error.value.partial.calls == expected.calls


def test_a_slow_guidance_is_announced(monkeypatch):
    clock = iter(range(0, 10_000, 30))
    monkeypatch.setattr("agents.guidance.black_box.time.perf_counter", lambda: next(clock))
    with pytest.warns(UserWarning, match=r"scores 0.1 images a second: up to 18 will take about 3"):
        sample_guided(make_chain("network"), 2, sum_of_values, seed=0, batch_size=3)


def test_tensors_are_scores_too():
    def score(images):
        return torch.from_numpy(images).flatten(1).sum(1).requires_grad_() * 4.0

    chain = make_chain("network")
    one, other = (sample_guided(chain, 9, f, seed=0).codes for f in (score, sum_of_values))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num": 0}, "num must be at least 1"),
        ({"num_particles": 0}, "num_particles must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"scale": float("nan")}, "scale must be a finite number, got nan"),
        ({"scale": True}, "scale must be a finite number, got True"),
        ({"guidance": 7}, "guidance must be a function that maps images"),
    ],
)
def test_a_bad_option_is_named(options, words):
    arguments = {"chain": make_chain("network"), "num": 2, "guidance": sum_of_values, **options}
    with pytest.raises(ValueError, match=words):
        sample_guided(**arguments)
