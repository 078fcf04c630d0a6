"""Construction of `GCGen`: options, seeds, the S-agent to start from, parameters."""

import numpy as np
import pytest
import torch

from agents import GCGen, GCPolicy
from gcgen_env import GCGenVectorEnv
from tests.agents.conftest import DIGITS, make_model
from tests.gcgen_env.sample_proposers import with_convolutions

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


@pytest.mark.parametrize("make", [GCGen, make_model], ids=["GCGen", "with options"])
def test_an_unknown_keyword_is_named(make):
    arguments = ("GCPolicy", DIGITS) if make is GCGen else ()
    with pytest.raises(TypeError, match="learning_rat"):
        make(*arguments, learning_rat=0.1)


def test_an_environment_is_required():
    with pytest.raises(ValueError, match="env is required: an id such as"):
        GCGen("GCPolicy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": lambda progress: 1e-3}, "learning_rate must be a number: a callable"),
        ({"gc_interval": 0}, r"gc_interval must be at least 1 .*, got 0"),
        ({"gc_learning_rate": abs}, "gc_learning_rate must be a number: a callable"),
        ({"learning_rate": -1.0}, "learning_rate must be finite and not negative, got -1"),
        ({"learning_rate": float("nan")}, "learning_rate must be finite and not negative, got nan"),
        ({"batch_size": 0}, r"batch_size must be at least 1 .*, got 0"),
        (
            {"lr_schedule": "step"},
            "lr_schedule must be one of linear, cosine, constant; got 'step'",
        ),
        ({"seed": 2**32}, "seed must lie in"),
        ({"seed": -1}, "seed must lie in"),
        ({"env_kwargs": {"gamma": 0.9}}, "undiscounted: make the environment with gamma=1"),
        ({"policy_kwargs": {"look_ahead": (float("nan"), 1)}}, "must be two temperatures"),
        ({"policy_kwargs": {"look_ahead": 1.0}}, "must be two temperatures"),
        (
            {"precision": "float16"},
            "precision must be one of auto, float32, bfloat16; got 'float16'",
        ),
        ({"n_envs": 0}, r"n_envs must be at least 1 .*, got 0"),
        ({"policy_kwargs": {"activation_fn": torch.nn.ReLU}}, "policy_kwargs must hold JSON"),
        ({"policy_kwargs": {"look_ahead": (1.0,)}}, "look_ahead must be two temperatures"),
        ({"s_agent_kwargs": {"width": 0}}, r"width must be at least 1 .*, got 0"),
        ({"env_kwargs": {"num_proposals": 1}}, "num_proposals must be at least 2"),
        ({"env_kwargs": {"horizon": 0}}, "horizon must be at least 1"),
        ({"env_kwargs": {"rate": -1.0}}, r"rate must lie in \[0, 1e\+06\], got -1.0"),
        ({"s_agent": "nowhere.safetensors"}, "no saved file at nowhere.safetensors"),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
def test_bad_options_are_refused(options, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        GCGen("GCPolicy", DIGITS, **options)


def test_the_same_seed_gives_the_same_weights():
    one, again, other = (weights(make_model(updates=20, seed=seed)) for seed in (0, 0, 1))
    assert differing(one, again) == set()
    assert differing(one, other) == {"policy", "s_agent"}


def test_seeding_again_repeats_the_run():
    model = make_model(gc_learning_rate=0.0, learning_rate=0.0, lr_schedule="constant")
    actions = []
    for seed in (7, 7, 8):
        model.set_random_seed(seed)
        model.learn(1)  # draws one batch of goals
        actions.append(model.train_round(None).action)
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


def test_convolutions_of_earlier_versions_train_further(tmp_path):
    agent = with_convolutions(make_model(s_agent_kwargs={"width": 64, "depth": 1}).s_agent)
    file = agent.save(tmp_path / "s_agent.safetensors")
    before = weights(make_model(s_agent=file, s_agent_kwargs={}))
    model = make_model(updates=2, s_agent=file, s_agent_kwargs={})
    after = weights(model)
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert {"s_agent.trunk.embed.weight", "s_agent.head.weight"} <= changed
    model.save(tmp_path / "model.gcgen")
    again = weights(GCGen.load(tmp_path / "model.gcgen"))
    assert all(torch.equal(after[name], again[name]) for name in after)


def test_the_uniform_prior_stays_uniform():
    kwargs = {"s_agent_kwargs": {"uniform_prior": True}, "policy_kwargs": {"hard": True}}
    report = make_model(updates=3, **kwargs).evaluate_nll(np.zeros((2, *SHAPE)))
    assert report.divergence == pytest.approx([np.log(A)] * H)


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


@pytest.mark.parametrize("freeze", [False, True])
def test_the_s_agent_to_start_from_stays_unchanged(freeze):
    agent = make_model(updates=1).s_agent
    before = {name: value.clone() for name, value in agent.network.state_dict().items()}
    dynamics, metadata = agent.chain.dynamics, dict(agent.metadata)
    options = {"learning_rate": 1e-2, "train_s_agent": not freeze, "gc_learning_rate": 1e-2}
    model = make_model(s_agent=agent, **options)
    own = model.s_agent.network
    assert own is not agent.network
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())
    model.learn(2 * 16 * H)
    after = agent.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(p.requires_grad for p in agent.network.parameters())
    assert (own.head.bias != before["head.bias"]).any() == (not freeze)
    assert agent.chain.dynamics is dynamics and agent.metadata == metadata


def test_the_sizes_of_a_trained_s_agent_are_fixed(model):
    with pytest.raises(ValueError, match="the S-agent to start from has width=32, asked for 64"):
        make_model(s_agent=model.s_agent, s_agent_kwargs={"width": 64})


def test_the_metadata_record_what_training_started_from(model):
    started = make_model(s_agent=model.s_agent)
    assert started.s_agent.metadata["started_from"] == model.s_agent.metadata


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


def test_the_policy_may_be_a_subclass():
    class MyPolicy(GCPolicy):
        pass

    assert isinstance(GCGen(MyPolicy, DIGITS, n_envs=2).policy, MyPolicy)
