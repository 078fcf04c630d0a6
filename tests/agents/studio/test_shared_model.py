from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from agents import GCGen
from agents.studio import shared_model
from agents.studio.shared_model import SharedModel
from agents.studio.shelf import make_shelf


def test_a_board_shows_the_next_images_with_the_most_probable_first(digits):
    board = digits.look((4, 2))
    assert np.all(np.diff(board.probability) <= 0)
    assert board.probability.sum() == pytest.approx(1)
    assert sorted(board.action) == list(range(16))
    codes = np.array([[4, 2, action] for action in board.action])
    np.testing.assert_allclose(board.images, digits.s_agent.decode(codes), atol=1e-5)
    np.testing.assert_allclose(board.image, digits.s_agent.decode(codes[:1, :2])[0], atol=1e-5)


def test_a_complete_code_has_no_proposals(digits):
    board = digits.look((0,) * 8)
    assert len(board.action) == len(board.images) == 0
    assert board.image.shape == (1, 8, 8)


@pytest.mark.parametrize("code", [(16,), (-1,), (0,) * 9])
def test_codes_of_another_model_are_refused(digits, code):
    with pytest.raises(ValueError, match="codes must"):
        digits.look(code)


def test_the_cost_is_the_sum_of_the_choices(digits):
    boards = [digits.look(()), digits.look((5,))]
    found = [b.probability[list(b.action).index(a)] for b, a in zip(boards, (5, 1), strict=True)]
    assert digits.measure_cost((5, 1)) == pytest.approx(-np.log(found).sum(), rel=1e-5)


def test_the_most_probable_rest_is_what_a_person_would_click(digits):
    code = (7,)
    while len(code) < 8:
        code = (*code, int(digits.look(code).action[0]))
    assert digits.complete([(7,), (3,)])[0] == code


def test_proposals_of_a_nucleus_or_used_ones_are_not_offered(digits):
    s_agent = digits.s_agent
    once = SharedModel("once", replace(s_agent, chain=replace(s_agent.chain, single_use=True)))
    assert set(range(16)) - set(once.look((4, 2)).action.tolist()) == {2, 4}
    assert once.find_prior((4, 2))[[2, 4]].tolist() == [0, 0]
    assert len(set(once.complete([(4, 2)])[0])) == 8
    assert once.measure_cost((4, 4)) == np.inf
    pruned = SharedModel("n", replace(s_agent, chain=replace(s_agent.chain, nucleus=0.5)))
    assert 1 <= len(pruned.look(()).action) < 16


def test_memory_is_bounded(digits, monkeypatch):
    monkeypatch.setattr(shared_model, "MOST_CANVASES", 5)
    model = SharedModel("small", digits.s_agent)
    before = model.show([(a, b) for a in range(4) for b in range(4)])
    assert len(model._canvases) <= 6
    after = digits.show([(a, b) for a in range(4) for b in range(4)])
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_threads_see_their_own_boards(digits):
    wrong = []

    def play(first):
        code, expected = (first,), None
        for _ in range(6):
            image = digits.look(code).image
            expected = image if expected is None else expected
            wrong.extend([first] * (not np.allclose(image, expected, atol=1e-6)))
            digits.encode(image[None].clip(0, 1))

    threads = [Thread(target=play, args=(i,)) for i in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_a_trained_model_encodes_with_its_own_gc_agent():
    model = GCGen("GCPolicy", "GCGen-Digits-v0", s_agent="pretrained", seed=0)
    shelf = make_shelf([("mine", model), ("mine", model)])
    assert shelf.names == ["mine", "mine (2)", "MNIST", "Digits", "Toy2D"]
    shared = shelf.find("mine")
    goals = shared.load_goals().take(range(3))
    np.testing.assert_array_equal(shared.encode(goals), model.encode(goals))
    assert shelf.find("mine") is shared


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="no such model"):
        make_shelf().find("../../etc/passwd")


def test_goals_are_not_downloaded(monkeypatch):
    monkeypatch.setattr("agents.studio.shelf.find_dataset", lambda name: None)
    mnist = make_shelf().find("MNIST")
    assert not mnist.has_goals
    with pytest.raises(ValueError, match="no test images are known for MNIST: upload or draw"):
        mnist.load_goals()
