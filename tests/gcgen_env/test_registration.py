"""The registered ids: made by name, described in JSON, made in another process."""

import json
import multiprocessing

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from gcgen_env import ENV_IDS, GCGenEnv, GCGenVectorEnv, default_kwargs, register_envs
from gcgen_env.config import make_config
from gcgen_env.registration import flat_id
from gcgen_env.tasks import ENV_CONFIGS, SUITE
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
        "GCGen-MNIST-v0": (64, 10, "bernoulli"),
        "GCGen-FashionMNIST-v0": (32, 10, "gaussian"),
        "GCGen-Images-v0": (None, None, "gaussian"),
        "GCGen-PlaneReach-v0": (4, 8, "gaussian"),
        "GCGen-PlaneFineToCoarse-v0": (4, 8, "gaussian"),
        "GCGen-DigitsAtoms16-v0": (16, 8, "gaussian"),
        "GCGen-DigitsAtoms64-v0": (64, 8, "gaussian"),
        "GCGen-DigitsLogits64-v0": (64, 8, "bernoulli"),
        "GCGen-DigitsOnce-v0": (16, 8, "gaussian"),
        "GCGen-Toggles-v0": (16, 6, "gaussian"),
        "GCGen-MNISTAtoms-v0": (32, 10, "gaussian"),
    }


def test_the_suite_has_no_free_invalid_action_and_needs_no_saved_s_agent():
    for config in SUITE.values():
        assert config.invalid_action == "best_prior" and config.nucleus == 1
        assert config.proposer in ("dictionary", "toggles")


def test_fine_to_coarse_reverses_the_scales_of_the_dictionary():
    rates = SUITE["GCGen-PlaneFineToCoarse-v0"].rates()
    decay = 0.85 ** np.arange(8)
    np.testing.assert_allclose(rates * decay, decay[::-1], rtol=1e-6)


def test_unknown_id_lists_ours():
    with pytest.raises(ValueError, match=f"expected one of .*{DIGITS}"):
        default_kwargs("CartPole-v1")


def test_registering_twice_is_harmless():
    register_envs()
    assert {*ENV_IDS, *map(flat_id, ENV_IDS)} <= set(gym.registry)


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


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_the_flat_id_gives_the_vectors_of_the_compact_environment(env_id, make_kwargs):
    kwargs = make_kwargs(env_id, proposer="dictionary")
    env = gym.make(flat_id(env_id), **kwargs)
    plain = gym.wrappers.FlattenObservation(gym.make(env_id, obs_mode="compact", **kwargs))
    assert (
        isinstance(env.observation_space, gym.spaces.Box) and len(env.observation_space.shape) == 1
    )
    assert env.observation_space == plain.observation_space
    assert isinstance(env.action_space, gym.spaces.Discrete)
    for one, other in ((env.reset(seed=3), plain.reset(seed=3)), (env.step(1), plain.step(1))):
        assert find_difference(one, other) is None
    envs = gym.make_vec(flat_id(env_id), num_envs=2, **kwargs)
    assert type(envs.unwrapped) is GCGenVectorEnv
    obs, _ = envs.reset(seed=[3, 4])
    np.testing.assert_allclose(obs[0], env.reset(seed=3)[0], atol=1e-5)
    assert envs.single_observation_space == env.observation_space
    for each in (env, envs):
        make = gym.make if each is env else gym.make_vec
        assert make(EnvSpec.from_json(each.spec.to_json())).spec == each.spec


def test_an_invalid_action_of_a_flat_environment_changes_nothing_but_the_step():
    env = gym.make("gcgen_env:GCGen-Digits-Flat-v0", nucleus=0.5)
    obs, _ = env.reset(seed=0)
    mask = env.get_wrapper_attr("action_masks")()
    assert not mask.all()
    after, reward, terminated, _, info = env.step(int(mask.argmin()))
    changed = np.flatnonzero(after != obs)
    assert info["invalid_action"] and reward == 0 and not terminated
    names = gym.spaces.unflatten(env.unwrapped.observation_space, after)
    assert names["step"] == np.float32(1 / 8) and changed.size
    assert np.array_equal(names["observation"], env.unwrapped.episodes.previous_image[0])


class TestLengthOfAnEpisode:
    """`spec.max_episode_steps` is H, and Gymnasium's time limit never cuts an episode."""

    @pytest.mark.parametrize("env_id", [*ENV_IDS, *map(flat_id, ENV_IDS)])
    @pytest.mark.parametrize("horizon", [None, 3, 20])
    def test_is_in_the_specification(self, env_id, horizon, make_kwargs):
        base = env_id.replace("-Flat", "")
        options = {} if horizon is None else {"horizon": horizon, "rate": 1.0, "single_use": False}
        kwargs = {**make_kwargs(base, proposer="dictionary"), **options}
        expected = horizon or ENV_CONFIGS[base].sizes[1]
        env, envs = gym.make(env_id, **kwargs), gym.make_vec(env_id, num_envs=2, **kwargs)
        assert env.spec.max_episode_steps == envs.spec.max_episode_steps == expected
        env.reset(seed=0)
        ends = [env.step(0)[2:4] for _ in range(expected)]
        assert ends == [(False, False)] * (expected - 1) + [(True, False)]

    def test_of_a_vector_environment_is_its_horizon(self):
        for limit in (None, 8):
            gym.make_vec(DIGITS, num_envs=2, proposer="dictionary", max_episode_steps=limit)
        with pytest.raises(ValueError, match="has horizon=8 steps, got max_episode_steps=5: use"):
            gym.make_vec(DIGITS, num_envs=2, proposer="dictionary", max_episode_steps=5)

    def test_a_time_limit_that_the_user_asks_for_truncates(self):
        env = gym.make(DIGITS, max_episode_steps=5, proposer="dictionary")
        env.reset(seed=0)
        assert [env.step(0)[2:4] for _ in range(5)][-1] == (False, True)

    def test_the_specification_of_the_caller_is_not_changed(self):
        env = GCGenEnv(dataset="digits")
        assert env.spec is None
        env.spec = own = EnvSpec("Own-v0", max_episode_steps=3)
        assert own.max_episode_steps == 3 and env.spec.max_episode_steps == 10


def test_vector_spec_survives_json():
    envs = gym.make_vec(DIGITS, num_envs=2, proposer="dictionary", autoreset_mode="SameStep")
    twin = gym.make_vec(EnvSpec.from_json(envs.spec.to_json()))
    assert twin.num_envs == 2 and twin.metadata == envs.metadata and twin.spec == envs.spec


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
