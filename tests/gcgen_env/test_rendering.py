"""Pictures of episodes: one size from the first frame to the last."""

from itertools import pairwise

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled

from gcgen_env import GCGenEnv, GCGenVectorEnv
from gcgen_env.rendering import make_frame
from tests.gcgen_env.sample_proposers import OnlyPropose

KINDS = {
    "grey": {"dataset": "digits", "likelihood": "bernoulli"},
    "colour": {"dataset": np.random.default_rng(0).random((4, 8, 8, 3))},
    "points": {"dataset": "two_moons", "sigma": 0.05},
}
SIZES = {"num_proposals": 8, "horizon": 3}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("obs_mode", ["pixels", "compact"])
def test_pictures_keep_their_size(kind, obs_mode):
    env = GCGenEnv(render_mode="rgb_array", obs_mode=obs_mode, **SIZES, **KINDS[kind])
    pictures = render_episode(env)
    assert all(p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3 for p in pictures)
    assert len({picture.shape for picture in pictures}) == 1
    assert all(side % 2 == 0 for side in pictures[0].shape[:2])  # videos ask for it
    assert not any(np.array_equal(a, b) for a, b in pairwise(pictures))


@pytest.mark.parametrize("kind", KINDS)
def test_texts_keep_their_size(kind):
    texts = render_episode(GCGenEnv(render_mode="ansi", **SIZES, **KINDS[kind]))
    drawings = [text.partition("proposals, most probable first")[0] for text in texts]
    assert len({len(drawing.splitlines()) for drawing in drawings}) == 1
    assert all("distance" in drawing.splitlines()[0] for drawing in drawings)
    assert max(len(line) for text in texts for line in text.splitlines()) <= 80
    assert len(set(texts)) == len(texts)


def test_without_a_mode_nothing_is_rendered():
    env = GCGenEnv(**SIZES, **KINDS["grey"])
    env.reset(seed=0)
    assert env.render() is None
    envs = GCGenVectorEnv(2, **SIZES, **KINDS["grey"])
    envs.reset(seed=0)
    assert envs.render() is None


def test_rendering_before_reset_through_gymnasium_raises_its_own_error():
    env = gym.make("GCGen-Digits-v0", proposer="dictionary", render_mode="rgb_array")
    with pytest.raises(gym.error.ResetNeeded):
        env.render()


def test_rendering_leaves_the_episode_alone():
    env = GCGenEnv(render_mode="rgb_array", **SIZES, **KINDS["grey"])
    obs, _ = env.reset(seed=0)
    copies = {key: value.copy() for key, value in obs.items()}
    env.render()
    after, *_ = env.step(1)
    assert np.array_equal(after["observation"], copies["proposals"][1])


def test_frame_shows_the_decision_just_made():
    proposer = OnlyPropose(num_proposals=8, horizon=3)
    env = GCGenEnv(proposer=proposer, nucleus=0.5, **SIZES, **KINDS["grey"])
    obs, _ = env.reset(seed=0)
    before = make_frame(env.episodes, 0, None)
    np.testing.assert_allclose(before.proposals, obs["proposals"], atol=1e-6)
    action = int(obs["action_mask"].argmax())
    env.step(action)
    frame = make_frame(env.episodes, 0, action)
    assert frame.chosen == action and frame.step == 1
    np.testing.assert_allclose(frame.proposals, obs["proposals"], atol=1e-6)
    assert np.array_equal(frame.action_mask, obs["action_mask"] == 1)
    np.testing.assert_allclose(frame.state, obs["proposals"][action], atol=1e-6)


def test_the_vector_environment_draws_every_environment():
    envs = gym.make_vec(
        "GCGen-Digits-v0", num_envs=3, proposer="dictionary", render_mode="rgb_array"
    )
    envs.reset(seed=0)
    pictures = envs.render()
    assert len(pictures) == 3 and len({picture.shape for picture in pictures}) == 1
    envs.step(np.array([0, 1, 2]))
    moved = envs.render()
    assert not any(np.array_equal(a, b) for a, b in zip(pictures, moved, strict=True))


def test_a_partial_reset_keeps_the_other_pictures():
    envs = GCGenVectorEnv(2, render_mode="rgb_array", **SIZES, **KINDS["grey"])
    envs.reset(seed=0)
    envs.step(np.array([1, 2]))
    kept = envs.render()[1]
    envs.reset(options={"reset_mask": np.array([True, False])})
    assert np.array_equal(envs.render()[1], kept)


def render_episode(env):
    """Return the pictures of an episode: after the reset and after each step."""
    env.reset(seed=0)
    pictures = [env.render()]
    for action in (0, 7, 3):
        env.step(action)
        pictures.append(env.render())
    return pictures


class TestWindow:
    """What does not need a window; `tests/clients/test_human.py` opens some."""

    def test_without_pygame_the_error_names_the_extra(self, monkeypatch):
        for module in ("gcgen_env.env", "gcgen_env.viewer.window"):
            monkeypatch.setattr(f"{module}.has_pygame", False)
        with pytest.raises(
            DependencyNotInstalled, match=r"not installed: .* extra 'human', or pip"
        ):
            gym.make("GCGen-Digits-v0", proposer="dictionary", render_mode="human")
        env = gym.make("GCGen-Digits-v0", proposer="dictionary").unwrapped
        assert env.metadata["render_modes"] == ["rgb_array", "ansi"]  # those that work here
        assert "human" in GCGenEnv.metadata["render_modes"]

    def test_a_vector_environment_has_none(self):
        with pytest.raises(ValueError, match="None or one of 'rgb_array', 'ansi'; got 'human'"):
            GCGenVectorEnv(2, render_mode="human", **SIZES, **KINDS["grey"])

    def test_a_closed_environment_can_be_closed_again(self):
        env = GCGenEnv(**SIZES, **KINDS["grey"])
        env.close()
        env.close()


@pytest.mark.parametrize(("num", "last"), [(8, "7"), (16, "f"), (40, "z")])
def test_digits_and_letters_are_the_keys_of_proposals(num, last):
    env = gym.make("GCGen-Digits-v0", proposer="dictionary", num_proposals=num)
    keys = env.get_wrapper_attr("get_keys_to_action")()
    assert list(keys.values()) == list(range(min(num, 36)))
    assert next(iter(keys)) == (ord("0"),) and list(keys)[-1] == (ord(last),)
