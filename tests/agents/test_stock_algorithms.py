"""Stock algorithms of SB3 and sb3-contrib on our environments, with their policies and ours."""

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.env_util import make_vec_env as make_sb3_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.utils import set_random_seed

from agents import GCPolicy, GoalReplayBuffer, MaskableGCPolicy, SPolicy
from agents.common.evaluation import evaluate_agent
from gcgen_env import GCGenEnv
from tests.agents.conftest import make_env, make_envs, make_vec_env
from tests.gcgen_env.sample_proposers import OnlyPropose

ON_POLICY = {"n_steps": 32, "seed": 0, "gamma": 1.0, "device": "cpu"}
PPO_SIZES = {**ON_POLICY, "batch_size": 32, "n_epochs": 2}
OURS = [(PPO, GCPolicy), (A2C, GCPolicy), (PPO, SPolicy), (MaskablePPO, MaskableGCPolicy)]
NAMES = [f"{a.__name__}-{p.__name__}" for a, p in OURS]


def make_algorithm(algorithm, policy, env, **kwargs):
    sizes = ON_POLICY if algorithm is A2C else PPO_SIZES
    return algorithm(policy, env, **sizes, **kwargs)


@pytest.mark.parametrize("algorithm", [PPO, A2C, MaskablePPO])
@pytest.mark.parametrize("obs_mode", ["pixels", "compact"])
def test_default_policies_learn_on_policy(algorithm, obs_mode):
    env = make_env(obs_mode=obs_mode, nucleus=0.9)
    model = make_algorithm(algorithm, "MultiInputPolicy", env).learn(256)
    assert model.num_timesteps == 256
    assert np.isfinite(evaluate_policy(model, model.env, 2, warn=False)[0])


@pytest.mark.parametrize("buffer", [None, GoalReplayBuffer])
def test_the_default_policy_learns_off_policy(buffer):
    options = {"buffer_size": 300, "learning_starts": 32, "replay_buffer_class": buffer}
    env = make_env(obs_mode="compact")
    model = DQN("MultiInputPolicy", env, seed=0, device="cpu", **options).learn(300)
    assert model.num_timesteps == 300 and model._n_updates > 0


@pytest.mark.parametrize(("algorithm", "policy"), OURS, ids=NAMES)
@pytest.mark.parametrize("make", [make_env, make_vec_env], ids=["gym.make", "GCGenVecEnv"])
def test_our_policies_learn(algorithm, policy, make):
    model = make_algorithm(algorithm, policy, make())
    before = {k: v.clone() for k, v in model.policy.state_dict().items()}
    model.learn(256)
    after = model.policy.state_dict()
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert {"mlp_extractor.scorer.direction.weight", "value_net.weight"} <= changed


@pytest.mark.parametrize(("algorithm", "policy"), OURS, ids=NAMES)
def test_our_policies_never_select_invalid_proposals(algorithm, policy):
    options = {"proposer": OnlyPropose(), "nucleus": 0.7}
    model = make_algorithm(algorithm, policy, make_vec_env(4, **options)).learn(256)
    for deterministic in (False, True):
        stats = evaluate_agent(model, make_envs(8, **options), 32, deterministic=deterministic)
        assert not stats.invalid_actions.any()


def test_masked_training_meets_no_invalid_action():
    """MaskablePPO gets its masks from the adapter, with SB3's own policy."""
    env = make_vec_env(4, proposer=OnlyPropose(), nucleus=0.7)
    invalid = []

    def record(local, _):
        invalid.extend(info["invalid_action"] for info in local["infos"])
        return True

    make_algorithm(MaskablePPO, "MultiInputPolicy", env).learn(256, callback=record)
    assert len(invalid) == 256 and not any(invalid)
    make_algorithm(PPO, "MultiInputPolicy", env).learn(256, callback=record)
    assert any(invalid)


@pytest.mark.parametrize(("algorithm", "policy"), OURS, ids=NAMES)
def test_compact_observations_are_refused(algorithm, policy):
    with pytest.raises(ValueError, match='obs_mode="pixels"'):
        make_algorithm(algorithm, policy, make_env(obs_mode="compact"))


@pytest.mark.parametrize(("algorithm", "policy"), OURS, ids=NAMES)
def test_sb3_saves_and_loads_them(algorithm, policy, tmp_path):
    env = make_vec_env(2)
    kwargs = {"look_ahead": (0.5, 1.0), "width": 16}
    model = make_algorithm(algorithm, policy, env, policy_kwargs=kwargs).learn(64)
    model.save(tmp_path / "model")
    loaded = algorithm.load(tmp_path / "model", env=make_vec_env(2), device="cpu")
    assert loaded.policy.selection == model.policy.selection
    obs = env.reset()
    np.testing.assert_array_equal(
        *(each.predict(obs, deterministic=True)[0] for each in (model, loaded))
    )
    assert loaded.learn(64).num_timesteps == 64


def test_gc_weights_of_one_number_of_proposals_serve_another():
    model = make_algorithm(PPO, GCPolicy, make_vec_env(2)).learn(64)
    other = make_algorithm(PPO, GCPolicy, make_vec_env(2, num_proposals=6))
    other.set_parameters({"policy": model.get_parameters()["policy"]}, exact_match=False)
    own, given = (each.policy.state_dict() for each in (other, model))
    assert all(torch.equal(own[name], given[name]) for name in given)
    assert other.learn(64).num_timesteps == 64


def test_sb3_makes_its_own_vector_environments():
    env = make_sb3_vec_env(GCGenEnv, 2, env_kwargs={"dataset": "digits", "horizon": 3})
    assert make_algorithm(PPO, GCPolicy, env).learn(64).num_timesteps == 64


def test_look_ahead_helps_before_training():
    """Without any training the policy beats the prior, by more than a nat."""
    set_random_seed(0)
    envs, env = make_envs(16), make_vec_env(2)
    gains = [
        evaluate_agent(make_algorithm(PPO, policy, env), envs, 256).gain.mean()
        for policy in (GCPolicy, SPolicy)
    ]
    assert gains[0] > gains[1] + 1
