"""What a policy says about the algorithm that builds it."""

import warnings

import pytest
from sb3_contrib import QRDQN, MaskablePPO
from stable_baselines3 import A2C, DQN, PPO

from agents import GCPolicy, MaskableGCPolicy, SPolicy, make_vec_env
from tests.agents.conftest import make_env

SMALL = {"n_steps": 8}


@pytest.mark.parametrize("algorithm", [DQN, QRDQN])
@pytest.mark.parametrize("policy", [GCPolicy, SPolicy])
def test_value_based_algorithms_need_another_policy(algorithm, policy):
    message = rf"{policy.__name__} is an actor-critic policy, and {algorithm.__name__} needs"
    with pytest.raises(TypeError, match=message):
        algorithm(policy, make_env(), buffer_size=10)


@pytest.mark.parametrize("algorithm", [PPO, A2C])
def test_another_discount_than_the_rewards_warns(algorithm):
    with pytest.warns(UserWarning, match=r"gamma=0.99 .* with 1, .* pass gamma=1$") as caught:
        algorithm(GCPolicy, make_env(), **SMALL)
    assert sum("discounts" in str(each.message) for each in caught) == 1
    with pytest.warns(UserWarning, match=r"gamma=1 .* with 0.9, .* pass gamma=0.9$"):
        algorithm(GCPolicy, make_vec_env("GCGen-Digits-v0", 2, env_kwargs={"gamma": 0.9}), gamma=1)


@pytest.mark.parametrize(
    ("kwargs", "gamma"), [({}, 1.0), ({"gamma": 0.9}, 0.9), ({"reward_type": "distance"}, 0.99)]
)
def test_the_discount_of_the_rewards_is_silent(kwargs, gamma, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = make_vec_env("GCGen-Digits-v0", 2, env_kwargs=kwargs)
        model = MaskablePPO(MaskableGCPolicy, env, n_steps=8, batch_size=8, gamma=gamma)
        model.save(tmp_path / "model")
        MaskablePPO.load(tmp_path / "model")
        MaskableGCPolicy(env.observation_space, env.action_space, lambda _: 1e-3)
