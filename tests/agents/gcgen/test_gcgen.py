"""The public face of `GCGen`: construction, prediction, generation, evaluation."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from agents import GCGen, GCPolicy, SAgent
from gcgen_env import GCGenVectorEnv
from tests.agents.conftest import DIGITS, make_env, make_envs, make_model, make_vec_env

A, H, SHAPE = 16, 8, (1, 8, 8)


def weights(model):
    """Return a copy of every weight of both agents."""
    parts = {"policy": model.policy, "s_agent": model.s_agent.network}
    return {
        f"{name}.{k}": v.clone()
        for name, part in parts.items()
        for k, v in part.state_dict().items()
    }


def differing(one, other):
    """Return the agents whose weights differ."""
    assert one.keys() == other.keys()
    return {name.split(".")[0] for name in one if not torch.equal(one[name], other[name])}


@pytest.mark.parametrize(
    ("make", "n_envs"),
    [
        (lambda: DIGITS, 3),
        (make_env, 3),
        (lambda: make_env().unwrapped, 3),
        (lambda: make_env(obs_mode="compact"), 3),
        (lambda: make_envs(5), 5),
        (lambda: make_envs(5, "NextStep"), 5),
        (lambda: make_vec_env(5), 5),
    ],
    ids=["id", "gym.make", "GCGenEnv", "compact", "vector", "NextStep", "adapter"],
)
def test_every_form_of_environment_trains(make, n_envs):
    model = make_model(updates=1, n_envs=3, env=make())
    assert model.n_envs == model.env.num_envs == n_envs
    assert model.num_timesteps >= 3 * H


def test_a_wrapped_environment_is_refused():
    with pytest.raises(ValueError, match="a wrapper of type FlattenObservation; unwrap it"):
        GCGen("GCPolicy", gym.wrappers.FlattenObservation(make_env()))


def test_an_environment_is_required():
    with pytest.raises(ValueError, match="env is required: an id such as"):
        GCGen("GCPolicy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": lambda progress: 1e-3}, "learning_rate must be a number: a callable"),
        ({"gc_interval": 0}, "gc_interval must be at least 1, got 0"),
        ({"gc_learning_rate": abs}, "gc_learning_rate must be a number: a callable"),
        ({"learning_rate": -1.0}, "learning_rate must not be negative, got -1"),
        ({"learning_rate": float("nan")}, "learning_rate must not be negative, got nan"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"lr_schedule": "linear"}, "lr_schedule must be one of cosine, constant; got 'linear'"),
        ({"seed": 2**32}, "seed must lie in"),
        ({"seed": -1}, "seed must lie in"),
        ({"env_kwargs": {"gamma": 0.9}}, "undiscounted: make the environment with gamma=1"),
        ({"policy_kwargs": {"look_ahead": (float("nan"), 1)}}, "must be two temperatures"),
        ({"policy_kwargs": {"look_ahead": 1.0}}, "must be two temperatures"),
        (
            {"precision": "float16"},
            "precision must be one of auto, float32, bfloat16; got 'float16'",
        ),
        ({"n_envs": 0}, "num_envs must be at least 1"),
        ({"policy_kwargs": {"activation_fn": torch.nn.ReLU}}, "policy_kwargs must hold JSON"),
        ({"policy_kwargs": {"look_ahead": (1.0,)}}, "look_ahead must be two temperatures"),
        ({"s_agent_kwargs": {"width": 0}}, "sizes of a ProposalNetwork must be positive"),
        ({"env_kwargs": {"num_proposals": 1}}, "num_proposals must be at least 2"),
        ({"env_kwargs": {"horizon": 0}}, "horizon must be at least 1"),
        ({"env_kwargs": {"rate": -1.0}}, "rate must be finite and not negative"),
        ({"s_agent": "nowhere.safetensors"}, "no saved file at nowhere.safetensors"),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
def test_bad_options_are_refused(options, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        GCGen("GCPolicy", DIGITS, **options)


def test_same_seed_same_numbers():
    one, again, other = (weights(make_model(updates=20, seed=seed)) for seed in (0, 0, 1))
    assert differing(one, again) == set()
    assert differing(one, other) == {"policy", "s_agent"}


def test_seeding_again_repeats_the_run():
    model = make_model(gc_learning_rate=0.0, learning_rate=0.0, lr_schedule="constant")
    actions = []
    for seed in (7, 7, 8):
        model.set_random_seed(seed)
        model.learn(1)  # resets, then draws one batch of goals
        actions.append(model.train().action)
    assert torch.equal(actions[0], actions[1])
    assert not torch.equal(actions[0], actions[2])


def test_a_model_without_a_seed_draws_one():
    one, other = (make_model(seed=None, updates=1) for _ in range(2))
    assert one._generator.initial_seed() != other._generator.initial_seed()


@pytest.mark.parametrize("n_envs", [1, 2])
def test_the_smallest_run(n_envs):
    model = make_model(updates=4, n_envs=n_envs, env_kwargs={"horizon": 1, "num_proposals": 2})
    assert np.isfinite(model.sample(2, seed=0)).all()


@pytest.mark.parametrize(
    "options",
    [
        {"precision": "bfloat16"},
        {"s_agent_kwargs": {"body": "conv", "width": 64}},
        {"s_agent_kwargs": {"uniform_prior": True}, "policy_kwargs": {"hard": True}},
        {"policy_kwargs": {"learned": False}},
        {"env_kwargs": {"binarize": False, "initial_state": "noise", "rate": 0.5}},
        {"env_kwargs": {"likelihood": "gaussian", "sigma": 0.2}},
    ],
    ids=str,
)
def test_every_option_trains(options):
    model = make_model(updates=2, **options)
    report = model.evaluate_nll(np.zeros((2, *SHAPE)))
    assert np.isfinite(report.nll)


def test_the_uniform_prior_stays_uniform():
    kwargs = {"s_agent_kwargs": {"uniform_prior": True}, "policy_kwargs": {"hard": True}}
    report = make_model(updates=3, **kwargs).evaluate_nll(np.zeros((2, *SHAPE)))
    assert report.divergence == pytest.approx([np.log(A)] * H)


def test_predict_takes_one_observation_or_many(model):
    env, envs = make_env(), make_envs(5)
    single, state = model.predict(env.reset(seed=0)[0], deterministic=True)
    batch, _ = model.predict(envs.reset(seed=0)[0], state=None, episode_start=np.ones(5, bool))
    assert single.shape == () and env.action_space.contains(single) and state is None
    assert batch.shape == (5,) and envs.action_space.contains(batch)


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
        ((0,), "num must be at least 1, got 0"),
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


def test_a_frozen_s_agent_stays_as_it_is(model, s_agent_file):
    frozen = make_model(s_agent=str(s_agent_file), train_s_agent=False, gc_learning_rate=1e-2)
    before = weights(frozen)
    assert "s_agent" not in differing(weights(model), before)
    frozen.learn(5 * 16 * H)
    assert differing(before, weights(frozen)) == {"policy"}
    np.testing.assert_array_equal(frozen.sample(4, seed=0), model.sample(4, seed=0))


def test_a_saved_s_agent_can_be_trained_further(s_agent_file, model):
    further = make_model(updates=2, s_agent=s_agent_file)
    assert (further.sample(4, seed=0) != model.sample(4, seed=0)).any()


def test_an_s_agent_shared_by_reference_is_the_same_object(model):
    agent = SAgent.from_saved(model.s_agent.to_saved())
    assert make_model(s_agent=agent, train_s_agent=False).s_agent.network is agent.network
    agent.network.requires_grad_(True)


MISMATCHES = {
    "num_proposals": {"num_proposals": 8},
    "horizon": {"horizon": 5},
    "likelihood": {"likelihood": "gaussian"},
    "image shape": {"dataset": np.zeros((30, 4, 4), np.uint8)},
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_an_s_agent_that_does_not_fit_is_refused(model, s_agent_file, name):
    message = f"trained with {name} .* an S-agent's {name} is fixed"
    for s_agent in (s_agent_file, model.s_agent):
        with pytest.raises(ValueError, match=message):
            make_model(s_agent=s_agent, env_kwargs=MISMATCHES[name])
    untouched = make_model()
    envs = GCGenVectorEnv(
        2, **{**vars(model.env_config), "proposer": "dictionary"} | MISMATCHES[name]
    )
    with pytest.raises(ValueError, match=message):
        untouched.set_env(envs)
    assert untouched.n_envs == 16 and untouched.env.num_envs == 16


def test_set_env_changes_what_is_trained_on():
    model = make_model(updates=1)
    model.set_env(make_envs(4, split="validation", nucleus=0.9))
    assert (model.n_envs, model.env_config.split, model.chain.nucleus) == (4, "validation", 0.9)
    model.learn(4 * H)
    assert model.env.envs.core.chain.proposer is model.s_agent.network


def test_the_model_environment_shares_the_live_s_agent():
    model = make_model()
    env = model.get_env()
    env.seed(0)
    before = env.reset()["proposals"]
    model.learn(2 * 16 * H)
    env.seed(0)
    after = env.reset()["proposals"]
    assert (before != after).any()


def test_parameters_go_in_and_out():
    one, other = make_model(updates=2), make_model(seed=1)
    parameters = one.get_parameters()
    assert set(parameters) == {"policy", "policy.optimizer", "s_agent.network", "optimizer"}
    other.set_parameters(parameters)
    assert differing(weights(one), weights(other)) == set()


def test_gc_weights_of_one_number_of_proposals_serve_another(digits):
    one = make_model(updates=5, gc_learning_rate=1e-2)
    other = make_model(env_kwargs={"num_proposals": 4, "horizon": 3}, seed=1)
    other.set_parameters({"policy": one.get_parameters()["policy"]}, exact_match=False)
    assert torch.equal(other.policy.scorer.direction.weight, one.policy.scorer.direction.weight)
    assert np.isfinite(other.evaluate_nll(digits).nll)


def test_a_subclass_of_the_policy_is_taken():
    class MyPolicy(GCPolicy):
        pass

    assert isinstance(GCGen(MyPolicy, DIGITS, n_envs=2).policy, MyPolicy)


def test_sizes_asked_of_a_finished_s_agent_must_be_its_own(model):
    with pytest.raises(ValueError, match="the S-agent to start from has width=32, asked for 64"):
        make_model(s_agent=model.s_agent, s_agent_kwargs={"width": 64})


def test_the_metadata_says_what_training_started_from(model):
    started = make_model(s_agent=model.s_agent)
    assert started.s_agent.metadata["started_from"] == model.s_agent.metadata


def test_a_compact_observation_is_refused(model):
    obs, _ = make_env(obs_mode="compact").reset(seed=0)
    with pytest.raises(ValueError, match='obs_mode="pixels"'):
        model.predict(obs)


def test_many_paths_in_little_memory_are_the_same_bound(model):
    images = np.zeros((3, *SHAPE))
    many = model.evaluate_nll(images, num_paths=600)
    assert many.num_paths == 600
    assert many.nll <= many.negative_elbo
