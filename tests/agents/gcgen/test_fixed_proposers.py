"""GCGen on proposals that are not trained: the same game as the environment's, saved and loaded."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import EvalCallback

from agents import GCGen, make_vec_env
from agents.common.evaluation import evaluate_agent
from agents.gcgen.evaluation_env import warn_of_other_proposers
from gcgen_env.model.s_agent import SAgent
from gcgen_env.storage import save_container
from gcgen_env.tasks import SUITE
from tests.agents.toys import HandWritten

ATOMS, ONCE, TOGGLES = "GCGen-DigitsAtoms16-v0", "GCGen-DigitsOnce-v0", "GCGen-Toggles-v0"
PLANE, FINE = "GCGen-PlaneReach-v0", "GCGen-PlaneFineToCoarse-v0"
LOCAL = [env for env in SUITE if env != "GCGen-MNISTAtoms-v0"]
"""Tasks whose data need no download."""


def make_fixed(env, policy="GCPolicy", **options):
    """Make a model that plays with the environment's own proposals."""
    small = {"seed": 0, "n_envs": 16, "batch_size": 16, "s_agent": "environment"}
    return GCGen(policy, env, train_s_agent=False, **{**small, **options})


def make_handwritten(num_envs=2):
    """Make environments of points with a proposer of the user's own."""
    return gym.make_vec(PLANE, num_envs, proposer=HandWritten(), num_proposals=3, horizon=3)


def draw_goals(model):
    return torch.from_numpy(model.env.make_goals(model.env.sample_images()))


@pytest.mark.parametrize("env", LOCAL)
@pytest.mark.parametrize("objective", ["leave_one_out", "tree_search"])
def test_training_plays_the_game_of_the_environment(env, objective):
    """Potentials, valid actions and log p_S of a training roll-out are the environment's."""
    policy = "SearchPolicy" if objective == "tree_search" else "GCPolicy"
    model = make_fixed(env, policy, gc_objective=objective)
    goals = draw_goals(model)
    path = model.update_gc_agent(goals)
    if objective == "leave_one_out":
        goals = goals[:2].repeat_interleave(8, 0)  # eight paths of each
    envs = gym.make_vec(env, num_envs=16, autoreset_mode="Disabled")
    obs, _ = envs.reset(seed=0, options={"goal": goals.numpy()})
    episodes, index = envs.unwrapped.episodes, np.arange(16)
    for h, action in enumerate(path.action.T.numpy()):
        np.testing.assert_allclose(path.potential[:, h], episodes.potential, rtol=1e-4, atol=1e-2)
        assert obs["action_mask"][index, action].all()
        log_prior = obs["log_prior"][index, action]
        np.testing.assert_allclose(path.log_prior[:, h], log_prior, atol=1e-5)
        obs, *_ = envs.step(action)
    np.testing.assert_allclose(path.potential[:, -1], episodes.potential, rtol=1e-4, atol=1e-2)


def test_proposals_that_can_be_used_once_are_not_used_twice():
    model = make_fixed(ONCE)
    images = model.load_split("test").take(range(3))
    for search in ("none", "two_step", "three_step", "beam"):
        codes = model.encode(images, search=search, width=4)
        assert all(len(set(code)) == 8 for code in codes.tolist())
    assert np.isfinite(model.evaluate_nll(images, num_paths=2).nll)
    states = model.sample(4, seed=0, return_trajectory=True)
    assert (np.abs(np.diff(states, axis=0)).reshape(8, 4, -1).max(2) > 0).all()


@pytest.mark.parametrize("search", ["two_step", "beam"])
def test_searches_read_used_proposals_from_the_mask(search):
    options = {"single_use": True, "autoreset_mode": "Disabled"}  # of logits no bound is left
    envs = gym.make_vec("GCGen-DigitsLogits64-v0", num_envs=4, **options)
    model = make_fixed(envs)
    obs, _ = envs.reset(seed=0)
    first, _ = model.predict(obs, deterministic=True, search=search)
    obs, *_ = envs.step(first)
    second, _ = model.predict(obs, deterministic=True, search=search)
    assert (second != first).all()


class TestSaving:
    @pytest.mark.parametrize("env", [ATOMS, ONCE, TOGGLES, FINE])
    @pytest.mark.parametrize("policy", ["GCPolicy", "SearchPolicy"])
    def test_a_loaded_model_is_the_same(self, env, policy, tmp_path):
        objective = "tree_search" if policy == "SearchPolicy" else "leave_one_out"
        model = make_fixed(env, policy, gc_objective=objective).learn(16 * 8)
        model.save(tmp_path / "model")
        loaded = GCGen.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.sample(4, seed=0), model.sample(4, seed=0))
        images = model.load_split("test").take(range(8))
        np.testing.assert_array_equal(loaded.encode(images), model.encode(images))
        obs = loaded.get_env().reset()
        assert (
            loaded.predict(obs, deterministic=True)[0] == model.predict(obs, deterministic=True)[0]
        ).all()
        loaded.set_env(env)
        loaded.learn(16 * 8, reset_num_timesteps=False)
        model.set_parameters(tmp_path / "model")

    def test_the_proposals_alone_are_a_proposer(self, tmp_path):
        model = make_fixed(FINE)
        path = model.s_agent.save(tmp_path / "proposals")
        assert SAgent.load(path).chain.dynamics.rate.tolist() == pytest.approx(SUITE[FINE].rate)
        env = gym.make(PLANE, proposer=str(path))
        rates = env.unwrapped.episodes.chain.dynamics.rate
        assert rates.tolist() == pytest.approx(SUITE[FINE].rate)

    def test_a_proposer_of_your_own_comes_from_the_environment(self, tmp_path):
        envs = make_handwritten()
        make_fixed(envs).learn(16 * 3).save(tmp_path / "model")
        loaded = GCGen.load(tmp_path / "model")
        with pytest.raises(ValueError, match=r"a proposer of your own.*: load it with env="):
            loaded.sample(2)
        loaded = GCGen.load(tmp_path / "model", env=envs)
        assert loaded.learn(16 * 3).sample(2, seed=0).shape == (2, 2)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"name": "network"}, "unknown proposer 'network'"),
            ({"name": "dictionary", "num_proposals": 1}, "num_proposals must be at least 2"),
            ({"name": "dictionary", "num_proposals": 4, "amplitude": "a"}, "amplitude must lie in"),
            ({"name": "toggles"}, "toggles need images"),
            ({}, "no entry 'name'|'name'"),
        ],
        ids=str,
    )
    def test_a_damaged_proposer_is_named(self, fields, message, tmp_path):
        s_agent = make_fixed(PLANE).s_agent
        document, tensors = s_agent.pack()
        if "num_proposals" in fields:
            fields = {**document["proposer"], **fields}
        else:
            fields = {"num_proposals": 4, **fields}
        path = save_container(
            tmp_path / "damaged", "s-agent", {**document, "proposer": fields}, tensors
        )
        with pytest.raises(ValueError, match=f"is damaged: .*{message}"):
            SAgent.load(path)


class TestEnvironments:
    def test_another_environment_brings_its_rates(self):
        model = make_fixed(PLANE)
        model.set_env(FINE)
        assert model.s_agent.chain.dynamics.rate.tolist() == pytest.approx(SUITE[FINE].rate)

    def test_other_proposals_are_refused(self):
        model = make_fixed(gym.make(TOGGLES, horizon=8, sigma=0.1))
        with pytest.raises(
            ValueError, match=r"was trained with the proposals .*toggles.*dictionary"
        ):
            model.set_env(gym.make(TOGGLES, proposer="dictionary", horizon=8, sigma=0.1))

    def test_an_s_agent_of_the_environment_can_be_trained(self):
        model = make_fixed("GCGen-Digits-v0")
        assert model.s_agent.can_learn
        sizes = {"s_agent": "environment", "n_envs": 16, "seed": 0}
        assert GCGen("GCPolicy", "GCGen-Digits-v0", **sizes).config.train_s_agent

    def test_evaluations_with_the_same_proposals_do_not_warn(self, recwarn):
        model = make_fixed(ATOMS)
        callback = EvalCallback(make_vec_env(ATOMS, 2))
        warn_of_other_proposers(callback, model.s_agent, is_trained=False)
        assert not [each for each in recwarn if "another proposer" in str(each.message)]

    def test_evaluations_with_other_proposals_warn(self):
        callback = EvalCallback(make_vec_env("GCGen-Digits-v0", 2))
        with pytest.warns(UserWarning, match="another proposer"):
            warn_of_other_proposers(callback, make_fixed(ATOMS).s_agent, is_trained=False)


class TestMessages:
    def test_fixed_proposals_cannot_be_trained(self):
        with pytest.raises(ValueError, match="no weights to train: pass train_s_agent=False"):
            GCGen("GCPolicy", ATOMS, s_agent="environment")

    def test_single_use_needs_a_frozen_s_agent(self):
        with pytest.raises(ValueError, match="single_use=False, or pass train_s_agent=False"):
            GCGen("GCPolicy", ONCE)

    def test_sizes_are_those_of_networks(self):
        with pytest.raises(ValueError, match="has width=no network, asked for 32"):
            make_fixed(ATOMS, s_agent_kwargs={"width": 32})

    def test_tree_search_needs_its_policy(self):
        with pytest.raises(
            ValueError, match=r"tree_search.*and policy='SearchPolicy'.*go together"
        ):
            make_fixed(ATOMS, gc_objective="tree_search")


@pytest.mark.slow
def test_tree_search_learns_more_than_greedy_play():
    """On four decisions, whose steps grow."""
    kwargs = {"horizon": 4, "rate": SUITE[FINE].rate[::2]}
    envs = gym.make_vec(FINE, num_envs=64, autoreset_mode="Disabled", split="test", **kwargs)
    model = make_fixed(
        FINE, "SearchPolicy", gc_objective="tree_search", policy_kwargs={"prior": False},
        env_kwargs=kwargs, gc_learning_rate=1e-3,
    )  # fmt: skip
    before = evaluate_agent(model, envs, 128, 1, deterministic=True).gain.mean()
    after = evaluate_agent(model.learn(40_000), envs, 128, 1, deterministic=True).gain.mean()
    assert after > before + 3.0  # nats
