"""What a trained model can do: generate, encode, decode, evaluate, select."""

import numpy as np
import pytest

from agents import GCGen, GreedyAgent
from tests.agents.conftest import DIGITS, make_env, make_envs, make_model

A, H, SHAPE = 16, 8, (1, 8, 8)


def test_samples(model):
    images = model.sample(5, seed=0)
    assert images.shape == (5, *SHAPE) and images.dtype == np.float32
    assert 0 < images.min() and images.max() < 1
    np.testing.assert_array_equal(images, model.sample(5, seed=0))
    assert (images != model.sample(5, seed=1)).any()
    assert (model.sample(5) != model.sample(5)).any()
    drawn = model.sample(5, seed=0, draw="sample")
    assert set(np.unique(drawn)) == {0.0, 1.0}
    steps = model.sample(5, seed=0, return_trajectory=True)
    assert steps.shape == (H + 1, 5, *SHAPE)
    np.testing.assert_array_equal(steps[-1], images)
    np.testing.assert_array_equal(steps[0, 0], steps[0, 1])  # all from x_0


def test_many_samples_are_made_in_batches(model):
    assert model.sample(1500, seed=0).shape == (1500, *SHAPE)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((0,), "num must be at least 1 .*, got 0"),
        ((1, 0, "pixels"), "draw must be 'mean' or 'sample'"),
    ],
)
def test_bad_samples_are_refused(model, args, message):
    with pytest.raises(ValueError, match=message):
        model.sample(*args)


def test_codes(model, digits):
    codes = model.encode(digits)
    assert codes.shape == (40, H) and codes.dtype == np.int64
    np.testing.assert_array_equal(codes, model.encode(digits))
    steps = model.decode(codes, return_trajectory=True)
    np.testing.assert_array_equal(steps[-1], model.decode(codes))
    np.testing.assert_array_equal(steps[-1], model.reconstruct(digits))
    for h in (0, 3, H):
        np.testing.assert_allclose(model.decode(codes[:, :h]), steps[h], atol=1e-6)
    error = np.abs(model.reconstruct(digits) - digits).mean()
    assert error < np.abs(steps[0] - digits).mean()


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros(H, int), r"codes must have shape \(B, h\) with h <= 8, got \(8,\)"),
        (np.zeros((2, H + 1), int), "h <= 8"),
        (np.zeros((2, H)), "codes must be integers, got float64"),
        (np.full((2, H), A), r"codes must lie in \[0, 16\), got 16..16"),
        (np.full((2, H), -1), r"codes must lie in \[0, 16\), got -1..-1"),
    ],
)
def test_bad_codes_are_refused(model, codes, message):
    with pytest.raises(ValueError, match=message):
        model.decode(codes)


@pytest.mark.parametrize("method", ["encode", "reconstruct", "evaluate_nll"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((8, 8)), r"images must have shape \(B, 1, 8, 8\)"),
        (np.zeros((0, *SHAPE)), "with B >= 1"),
        (np.full((2, *SHAPE), np.nan), r"finite and within \[0, 1\]"),
        (np.full((2, *SHAPE), 1.5), r"finite and within \[0, 1\]"),
    ],
)
def test_bad_images_are_refused(model, method, images, message):
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(images)


def test_grey_images_are_binarised_by_the_seed(model, digits):
    one, again, other = (model.evaluate_nll(digits, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.per_image, again.per_image)
    assert (one.per_image != other.per_image).all()
    binary = (np.random.default_rng(0).random(digits.shape, dtype=np.float32) < digits) * 1.0
    np.testing.assert_array_equal(model.evaluate_nll(binary, seed=0).per_image, one.per_image)


@pytest.mark.parametrize("binarize", [True, False])
def test_a_seed_repeats_the_evaluation_and_none_draws_anew(digits, binarize):
    model = make_model(updates=2, env_kwargs={"binarize": binarize})
    fresh, fresher, one, again = (
        model.evaluate_nll(digits, seed=seed).per_image for seed in (None, None, 3, 3)
    )
    assert (fresh != fresher).any()
    np.testing.assert_array_equal(one, again)


def test_without_a_seed_the_binarisation_is_drawn_anew(digits):
    model = make_model(policy_kwargs={"hard": True})  # paths depend on the goals alone
    fresh, fresher = (model.evaluate_nll(digits, seed=None).per_image for _ in range(2))
    assert (fresh != fresher).any()


def test_more_paths_tighten_the_bound(model, digits):
    one, many = (model.evaluate_nll(digits, num_paths=m, seed=0) for m in (1, 32))
    assert many.nll < one.nll - 1e-3
    assert (many.num_paths, many.num_images, many.name) == (32, 40, "IW-32")
    assert one.nll == pytest.approx(one.reconstruction + sum(one.divergence))


def test_grey_goals_are_kept_where_the_environment_keeps_them(digits):
    model = make_model(env_kwargs={"binarize": False}, policy_kwargs={"hard": True})
    one, other = (model.evaluate_nll(digits, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(one.per_image, other.per_image)


def test_pruning_is_part_of_the_model(digits):
    model = make_model(updates=5, learning_rate=0.02, env_kwargs={"nucleus": 0.5})
    assert model.chain.nucleus == 0.5
    whole = GCGen("GCPolicy", DIGITS, s_agent=model.s_agent, n_envs=2)
    assert (model.sample(64, seed=0) != whole.sample(64, seed=0)).any()
    assert model.evaluate_nll(digits).nll != whole.evaluate_nll(digits).nll


@pytest.mark.parametrize("key", ["observation", "desired_goal", "proposals", "log_prior"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predict_refuses_observations_that_are_not_finite(model, key, value):
    obs, _ = make_env().reset(seed=0)
    obs[key].flat[3] = value
    for agent in (model, GreedyAgent(make_env())):
        with pytest.raises(ValueError, match=f"the observation's '{key}' is not finite"):
            agent.predict(obs)


def test_predict_takes_one_observation_or_many(model):
    env, envs = make_env(), make_envs(5)
    single, state = model.predict(env.reset(seed=0)[0], deterministic=True)
    batch, _ = model.predict(envs.reset(seed=0)[0], state=None, episode_start=np.ones(5, bool))
    assert single.shape == () and env.action_space.contains(single) and state is None
    assert batch.shape == (5,) and envs.action_space.contains(batch)


def test_a_compact_observation_is_refused(model):
    obs, _ = make_env(obs_mode="compact").reset(seed=0)
    with pytest.raises(ValueError, match='obs_mode="pixels"'):
        model.predict(obs)


def test_many_paths_are_evaluated_in_batches(model):
    images = np.zeros((3, *SHAPE))
    many = model.evaluate_nll(images, num_paths=600)
    assert many.num_paths == 600
    assert many.nll <= many.negative_elbo
