"""`render_mode="human"` and `gymnasium.utils.play`, without a display."""

import copy
import warnings

import gymnasium as gym
import numpy as np
import pytest

pygame = pytest.importorskip("pygame", exc_type=ImportError)

from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.utils.play import play  # noqa: E402


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """Draw nowhere, as fast as possible."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("gcgen_env.env.GCGenEnv.metadata", {
        "render_modes": ["human", "rgb_array", "ansi"], "render_fps": 1000,
    })  # fmt: skip
    yield
    pygame.quit()


@pytest.mark.parametrize("env_id", ["GCGen-Digits-v0", "GCGen-Toy2D-v0", "GCGen-Digits-Flat-v0"])
def test_a_window_shows_the_picture_of_every_state_without_a_warning(env_id):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, render_mode="human")
        twin = gym.make(env_id, render_mode="rgb_array")
        assert env.render_mode == "human"
        for each in (env, twin):
            each.reset(seed=0)
        for _ in range(env.spec.max_episode_steps):
            shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
            np.testing.assert_array_equal(shown, twin.render())
            assert env.render() is None
            for each in (env, twin):
                each.step(1)
        env.close()
        env.close()
    assert not pygame.display.get_init()


def test_a_copy_opens_a_window_of_its_own(make):
    env = make(render_mode="human").unwrapped
    env.reset(seed=0)
    twin = copy.deepcopy(env)
    assert twin._window is None
    twin.step(1)
    assert twin._window is not None
    env.close()


def test_the_checks_of_gymnasium_accept_the_mode(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(obs_mode="compact").unwrapped)


def test_without_a_display_the_error_names_the_remedy(make, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "no such driver")
    with pytest.raises(RuntimeError, match=r"needs a display .*: use render_mode='rgb_array', or"):
        make(render_mode="human").reset(seed=0)


class Keyboard(gym.Wrapper):
    """Presses one key for each step, then closes the window."""

    def __init__(self, env, keys):
        super().__init__(env)
        self.keys, self.actions = list(keys), []

    def reset(self, **kwargs):
        result = super().reset(**kwargs)
        if pygame.display.get_init():
            self.press()
        return result

    def step(self, action):
        self.actions.append(int(action))
        result = super().step(action)
        if not (result[2] or result[3]):  # else `play` resets before it asks again
            self.press()
        return result

    def press(self):
        for key in self.get_wrapper_attr("get_keys_to_action")():
            pygame.event.post(pygame.event.Event(pygame.KEYUP, key=key[0]))
        if not self.keys:
            pygame.event.post(pygame.event.Event(pygame.QUIT))
            return
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=ord(self.keys.pop(0))))


def test_digits_and_letters_choose_proposals(make):
    keys = "03af94d10b"
    env = Keyboard(make(render_mode="rgb_array", nucleus=1.0), keys)
    play(env, wait_on_player=True, seed=0)
    assert env.actions == [int(key, 16) for key in keys]
