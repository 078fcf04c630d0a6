import gymnasium as gym
import numpy as np
import pytest

from agents.baselines import GreedyAgent
from agents.studio import copy_mode
from agents.studio.copy_mode import CopyState
from agents.studio.copying import measure_gains, play_others, score
from agents.studio.drawing import Drawing


@pytest.fixture(scope="module")
def env():
    return gym.make("GCGen-Digits-v0")


def play(env, goal, choose):
    obs, _ = env.reset(options={"goal": goal})
    code, total, end = [], 0.0, False
    while not end:
        code.append(int(choose(obs)))
        obs, reward, end, _, _ = env.step(code[-1])
        total += reward
    return tuple(code), total


def test_the_gain_is_the_return_of_the_environment(env, digits, goal, rng):
    code, total = play(env, goal, lambda obs: rng.integers(16))
    assert score(digits, "you", code, goal).gain == pytest.approx(total, abs=1e-3)


def test_the_gains_are_the_rewards_of_the_next_step(env, digits, goal):
    env.reset(options={"goal": goal})
    board = digits.look(())
    gains = measure_gains(digits, board, goal)
    _, reward, *_ = env.step(board.action[2])
    assert gains[2] == pytest.approx(reward, abs=1e-4)


def test_greedy_plays_as_the_baseline_does_and_the_search_no_worse(env, digits, goal):
    scores = {each.player: each for each in play_others(digits, goal)}
    agent = GreedyAgent(env)
    code, total = play(env, goal, lambda obs: agent.predict(obs)[0])
    assert scores["greedy"].code == code
    assert scores["greedy"].gain == pytest.approx(total, abs=1e-3)
    assert scores["search"].gain >= scores["greedy"].gain - 1e-6
    assert scores["GC-agent"].code == tuple(digits.encode(goal[None])[0])
    assert scores["GC-agent"].bound > scores["greedy"].bound  # it counts the probabilities


def test_a_game_is_scored_beside_the_others_at_its_end(digits, rng):
    state = copy_mode.take_test_image(digits, CopyState("Digits"), rng)
    board, side = copy_mode.show(digits, state)
    assert (
        board.count("gain ") == 32 and board.count(", the largest") == 2
    )  # in the label and the title
    for _ in range(8):
        step = len(state.game.code)
        gains = measure_gains(digits, digits.look(state.game.code), state.goal)
        best = int(digits.look(state.game.code).action[gains.argmax()])
        state = copy_mode.act(digits, state, {"what": "choose", "value": best, "step": step})
    board, side = copy_mode.show(digits, state)
    assert "Complete: you have gained" in board
    assert [name in side for name in ("you", "greedy", "search", "GC-agent")] == [True] * 4
    assert state.game.code == state.others[0].code  # we were greedy
    back = copy_mode.act(digits, state, {"what": "go", "value": 5})
    assert "greedy" not in copy_mode.show(digits, back)[1]


def test_there_is_no_game_without_a_goal(digits):
    with pytest.raises(ValueError, match="choose a goal first"):
        copy_mode.act(digits, CopyState("Digits"), {"what": "back"})
    assert "Choose a goal first" in copy_mode.show(digits, CopyState("Digits"))[0]


def test_a_click_in_the_plane_sets_the_goal(toy):
    state = copy_mode.act(toy, CopyState("Toy2D"), {"what": "point", "x": 250, "y": 1000})
    np.testing.assert_allclose(state.goal, [-0.5, 1.0])
    board, _ = copy_mode.show(toy, state)
    assert '<circle class="goal" cx="250" cy="0"' in board
    assert state.game == Drawing()
