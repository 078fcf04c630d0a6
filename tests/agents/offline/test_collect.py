"""Episodes of behaviour policies: reproducible, replayable, played by whom they should be."""

import numpy as np
import pytest

from agents.offline.behaviour_names import MIXTURE
from agents.offline.collect import NUM_ENVS, draw_seeds
from gcgen_env import GCGenEnv
from tests.agents.offline.samples import make_tiny, play
from tests.gcgen_env.sample_proposers import OnlyPropose

BEHAVIOURS = ("random", "greedy", "beam", "mixed")


def list_arrays(rounds):
    """Return the bytes of every array of some rounds."""
    return [
        each.tobytes()
        for played in rounds
        for each in (
            *played.observations.values(),
            *(played.actions, played.rewards),
            *played.infos.values(),
        )
    ]


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_seed_reproduces_every_byte(behaviour):
    one, again, other = (play(behaviour, 20, seed) for seed in (0, 0, 1))
    assert list_arrays(one) == list_arrays(again) != list_arrays(other)
    assert [len(each.seed) for each in one] == [8, 8, 4]


def test_more_episodes_begin_with_the_same_ones():
    few, many = play("random", 12), play("random", 20)
    assert np.array_equal(many[1].actions[:4], few[1].actions)
    assert many[1].seed[:4] == few[1].seed
    assert draw_seeds(100, 3)[:7] == draw_seeds(7, 3)
    assert all(0 <= seed < 2**63 for seed in draw_seeds(100, 3))


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_single_environment_replays_them(behaviour):
    (played,) = play(behaviour, 8)
    config = {**vars(make_tiny().config), "obs_mode": "compact"}
    env = GCGenEnv(**config)
    assert played.observations.keys() == set(env.observation_space.keys())
    for i, seed in enumerate(played.seed):
        rows = [env.reset(seed=seed)]
        rewards = []
        for action in played.actions[i]:
            obs, reward, *_, info = env.step(action)
            rewards.append(reward)
            rows.append((obs, info))
        np.testing.assert_allclose(rewards, played.rewards[i], rtol=1e-5, atol=1e-5)
        for key, values in played.observations.items():
            np.testing.assert_allclose([obs[key] for obs, _ in rows], values[i], atol=1e-6)
        assert [info["goal_index"] for _, info in rows] == played.infos["goal_index"][i].tolist()


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_no_action_is_invalid(behaviour):
    kwargs = {"dataset": "digits", "proposer": OnlyPropose(), "num_proposals": 16, "nucleus": 0.7}
    for played in play(behaviour, 16, width=4, **kwargs):
        mask = played.observations["action_mask"][:, :-1]  # (E, H, A)
        assert not mask.all()
        assert np.take_along_axis(mask, played.actions[..., None], axis=2).all()


def test_each_player_of_the_mixture_has_its_episodes():
    (mixed,) = play("mixed", 64, num_envs=64)
    for behaviour in ("greedy", "beam"):
        (alone,) = play(behaviour, 64, num_envs=64)
        same = (mixed.actions == alone.actions).all(axis=1).reshape(-1, len(MIXTURE))
        assert same[:, MIXTURE.index(behaviour)].all()
        assert not same[:, MIXTURE.index("random")].all()
    assert NUM_ENVS % len(MIXTURE) == 0


def test_a_search_gains_more_than_one_step_of_look_ahead():
    gains = {name: play(name, 64, num_envs=64)[0].rewards.sum(1) for name in BEHAVIOURS}
    assert gains["random"].mean() < gains["greedy"].mean() < gains["beam"].mean()
    assert (gains["beam"] >= gains["greedy"] - 1e-4).all()  # its width covers every path
