"""The registered ids: made by name, described in JSON, made in another process."""

import json
import multiprocessing

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec

from gcgen_env import ENV_IDS, GCGenEnv, GCGenVectorEnv, default_kwargs, register_envs
from gcgen_env.config import ENV_CONFIGS, make_config
from gcgen_env.testing.episodes import find_difference, roll

DIGITS = "GCGen-Digits-v0"


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_default_kwargs_are_json_values_and_rebuild_the_table(env_id):
    kwargs = default_kwargs(env_id)
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert vars(make_config(**kwargs)) == vars(ENV_CONFIGS[env_id])


def test_table_of_sizes():
    sizes = {i: (c.num_proposals, c.horizon, c.likelihood) for i, c in ENV_CONFIGS.items()}
    assert sizes == {
        "GCGen-Toy2D-v0": (8, 6, "gaussian"),
        "GCGen-Digits-v0": (16, 8, "bernoulli"),
        "GCGen-MNIST-v0": (32, 10, "bernoulli"),
        "GCGen-FashionMNIST-v0": (32, 10, "gaussian"),
        "GCGen-Images-v0": (32, 10, "gaussian"),
    }


def test_unknown_id_lists_ours():
    with pytest.raises(ValueError, match=f"expected one of .*{DIGITS}"):
        default_kwargs("CartPole-v1")


def test_registering_twice_is_harmless():
    register_envs()
    assert set(ENV_IDS) <= set(gym.registry)


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_make_gives_the_two_classes(env_id, make_kwargs):
    kwargs = make_kwargs(env_id, proposer="dictionary")
    assert type(gym.make(env_id, **kwargs).unwrapped) is GCGenEnv
    envs = gym.make_vec(env_id, num_envs=2, **kwargs)
    assert type(envs) is GCGenVectorEnv and envs.num_envs == 2


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_spec_survives_json(env_id, make_kwargs):
    env = gym.make(env_id, **make_kwargs(env_id, proposer="dictionary", obs_mode="compact"))
    twin = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert twin.spec == env.spec
    runs = [roll(each.unwrapped, 5) for each in (env, twin)]
    assert find_difference(*runs) is None


def test_vector_spec_survives_json():
    envs = gym.make_vec(DIGITS, num_envs=2, proposer="dictionary", autoreset_mode="SameStep")
    twin = gym.make_vec(EnvSpec.from_json(envs.spec.to_json()))
    assert twin.num_envs == 2 and twin.metadata == envs.metadata


def test_unknown_keyword_reaches_the_reader():
    with pytest.raises(TypeError, match="did you mean 'nucleus'"):
        gym.make(DIGITS, proposer="dictionary", nuclues=0.5)


def test_images_need_a_dataset():
    with pytest.raises(ValueError, match="dataset= is required"):
        gym.make("GCGen-Images-v0")


def test_made_by_module_name_in_a_spawned_worker():
    kwargs = {"proposer": "dictionary"}
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        env = pool.apply(gym.make, (f"gcgen_env:{DIGITS}",), kwargs)
    twin = gym.make(f"gcgen_env:{DIGITS}", **kwargs)
    assert find_difference(roll(env.unwrapped, 0), roll(twin.unwrapped, 0)) is None
