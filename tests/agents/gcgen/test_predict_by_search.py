"""Search in an environment: the same choices as in encoding."""

import numpy as np
import pytest

from gcgen_env import GCGenVectorEnv
from tests.agents.conftest import make_model


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A model, and eight environments with its S-agent."""
    model = make_model(updates=20, learning_rate=5e-3, env_kwargs={"nucleus": 0.9})
    path = model.s_agent.save(tmp_path_factory.mktemp("saved") / "s_agent")
    options = {**vars(model.env_config), "proposer": str(path)}
    return model, GCGenVectorEnv(8, autoreset_mode="Disabled", **options)


@pytest.mark.parametrize("search", ["two_step", "three_step", "beam"])
def test_stepping_the_environment_is_encoding(pair, search):
    model, envs = pair
    obs, _ = envs.reset(seed=0)
    codes = []
    for _ in range(envs.config.horizon):
        action, state = model.predict(obs, deterministic=True, search=search, width=4)
        assert state is None
        codes.append(action)
        obs, _, _, _, info = envs.step(action)
        assert not info["invalid_action"].any()
    encoded = model.encode(obs["desired_goal"], search=search, width=4)
    # A beam that starts in a later state may find a better path than the one from x_0.
    agreement = (np.stack(codes, axis=1) == encoded).mean()
    assert agreement > (0.5 if search == "beam" else 0.95)
    over, _ = model.predict(obs, search=search)
    assert not over.any()


@pytest.mark.parametrize("search", ["two_step", "three_step", "beam"])
def test_one_observation_and_batches_at_different_steps(pair, search):
    model, envs = pair
    envs.reset(seed=0)
    obs, *_ = envs.step(np.zeros(8, dtype=int))
    mask = np.arange(8) < 3
    obs, _ = envs.reset(options={"reset_mask": mask})
    many, _ = model.predict(obs, deterministic=True, search=search, width=4)
    for row in (0, 7):
        one = {key: value[row] for key, value in obs.items()}
        action, _ = model.predict(one, deterministic=True, search=search, width=4)
        assert action.shape == ()
        assert action == many[row]


def test_draws_vary(pair):
    model, envs = pair
    obs, _ = envs.reset(seed=0)
    draws = np.stack([model.predict(obs, search="two_step", width=8)[0] for _ in range(20)])
    assert (draws != draws[0]).any()
    assert obs["action_mask"][np.arange(8), draws].all()


def test_other_proposals_are_refused(pair):
    model, _ = pair
    envs = GCGenVectorEnv(2, **{**vars(model.env_config), "proposer": "dictionary"})
    obs, _ = envs.reset(seed=0)
    with pytest.raises(ValueError, match="not those of the model's S-agent"):
        model.predict(obs, search="beam")


def test_other_masks_are_refused(pair):
    model, envs = pair
    options = {**vars(envs.config), "nucleus": 0.3}
    obs, _ = GCGenVectorEnv(2, **options).reset(seed=0)
    with pytest.raises(ValueError, match="the model's nucleus"):
        model.predict(obs, search="beam")


def test_unknown_searches_are_refused(pair):
    model, envs = pair
    with pytest.raises(ValueError, match="search must be one of"):
        model.predict(envs.reset(seed=0)[0], search="tree")


def test_a_live_environment_shows_what_a_search_needs():
    """No file is needed: `get_env` has the model's S-agent and nucleus."""
    model = make_model(updates=3, n_envs=4, env_kwargs={"nucleus": 0.9})
    env = model.get_env()
    env.seed(0)
    obs = env.reset()
    codes = []
    for _ in range(8):
        goals = obs["desired_goal"]
        action, _ = model.predict(obs, deterministic=True, search="two_step", width=4)
        codes.append(action)
        obs, *_ = env.step(action)
    agreement = np.stack(codes, axis=1) == model.encode(goals, search="two_step", width=4)
    assert agreement.mean() > 0.95
