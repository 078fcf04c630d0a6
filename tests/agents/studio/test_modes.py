import json
import time
from html.parser import HTMLParser

import numpy as np
import pytest

from agents.studio import atlas_mode, code_mode, draw_mode, guide_mode
from agents.studio.atlas import grow
from agents.studio.atlas_mode import AtlasState
from agents.studio.code_mode import CodeState
from agents.studio.draw_mode import DrawState
from agents.studio.drawing import Drawing
from agents.studio.guide_mode import GuideState
from agents.studio.shared_model import SharedModel
from agents.studio.tiles import format_share


class Buttons(HTMLParser):
    """Collects the events and the labels of what one can click."""

    def __init__(self, text):
        super().__init__()
        self.events, self.labels, self.images = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if "data-event" in given:
            assert tag == "button" or (given["role"], given["tabindex"]) == ("button", "0")
            self.events.append(json.loads(given["data-event"]))
            self.labels.append(given["aria-label"])
        if tag == "img":
            assert "alt" in given
            self.images.append(given["src"])


def click(model, state, rank):
    board, _ = draw_mode.show(model, state)
    return draw_mode.act(model, state, Buttons(board).events[rank])


@pytest.mark.parametrize("name", ["digits", "toy"])
def test_clicks_make_a_picture(request, name):
    model = request.getfixturevalue(name)
    state = DrawState(name)
    for h in range(model.horizon):
        board, side = draw_mode.show(model, state)
        buttons = Buttons(board)
        assert len(buttons.events) == model.num_proposals
        assert buttons.labels[0].startswith("proposal 1, probability")
        assert f"Step {h + 1} of {model.horizon}" in board
        state = click(model, state, 1)
    board, side = draw_mode.show(model, state)
    assert "Complete" in board
    assert [e["value"] for e in Buttons(side).events] == list(range(model.horizon + 1))
    back = draw_mode.act(model, state, Buttons(side).events[2])
    other = click(model, back, 2)
    assert {"what": "branch", "value": 0} in Buttons(draw_mode.show(model, other)[1]).events


def test_a_second_click_on_a_replaced_tile_does_nothing(digits):
    first = Buttons(draw_mode.show(digits, DrawState("d"))[0]).events[0]
    state = draw_mode.act(digits, DrawState("d"), first)
    assert draw_mode.act(digits, state, first) == state


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"what": "explode"},
        {"what": "choose", "step": 0},
        {"what": "choose", "step": 0, "value": 16},
        {"what": "choose", "step": 0, "value": True},
        {"what": "choose", "step": "0", "value": 1},
        {"what": "go", "value": 3},
        {"what": "branch", "value": 0},
    ],
)
def test_forged_events_are_refused(digits, event):
    with pytest.raises(ValueError, match=r"load it again|there is no"):
        draw_mode.act(digits, DrawState("d"), event)


def test_it_draws_as_the_s_agent_samples(digits, rng):
    counts = np.zeros(16)
    for _ in range(200):
        counts[draw_mode.draw_on(digits, DrawState("d"), rng).drawing.code[0]] += 1
    prior = digits.find_prior(())
    error = np.sqrt(200 * prior * (1 - prior)).clip(1)
    assert np.all(np.abs(counts - 200 * prior) < 5 * error)
    full = DrawState("d", Drawing((0,) * 8))
    assert draw_mode.draw_on(digits, full, rng) == full


def test_one_choice_of_a_code_can_be_replaced(digits, rng):
    state = code_mode.take_test_image(digits, CodeState("d"), rng, False)
    state = code_mode.act(digits, state, {"what": "digit", "value": 3})
    events = Buttons(code_mode.show(digits, state)[0]).events
    replaced = [event for event in events if event["what"] == "replace"]
    assert len(replaced) == 8
    after = code_mode.act(digits, state, replaced[0])
    differing = [h for h in range(8) if after.code[h] != state.code[h]]
    assert differing == [3] and after.code[3] == replaced[0]["value"]


def test_a_slide_leads_from_one_code_to_the_other(digits, rng):
    state = code_mode.take_test_image(digits, CodeState("d"), rng, False)
    assert "Slide to another picture" in code_mode.slide(digits, state, 0)
    state = code_mode.take_test_image(digits, state, rng, True)
    first, last = (code_mode.slide(digits, state, position) for position in (0, 8))
    assert " ".join(map(str, state.code)) in first
    assert " ".join(map(str, state.other)) in last
    with pytest.raises(ValueError, match="position"):
        code_mode.slide(digits, state, 9)


def test_an_unfinished_drawing_is_completed_for_its_code(digits):
    state = code_mode.take_code(digits, CodeState("d"), (3, 4))
    assert state.code == digits.complete([(3, 4)])[0]


def test_without_a_test_set_a_picture_is_drawn(digits, rng):
    model = SharedModel("own", digits.s_agent)
    assert len(code_mode.take_test_image(model, CodeState("own"), rng, False).code) == 8


def test_the_atlas_shows_the_most_probable_choices(digits):
    twigs = grow(digits, (5,), (3, 2))
    board = digits.look((5,))
    assert [twig.code for twig in twigs] == [(5, int(a)) for a in board.action[:3]]
    assert [twig.probability for twig in twigs] == pytest.approx(list(board.probability[:3]))
    (ending,) = digits.complete([twigs[0].code])
    np.testing.assert_allclose(twigs[0].image, digits.show([ending])[0], atol=1e-5)
    assert [len(twig.twigs) for twig in twigs] == [2, 2, 2]


def test_one_walks_down_and_up_the_atlas(digits):
    state = AtlasState("d")
    event = Buttons(atlas_mode.show(digits, state)).events[-1]
    assert len(event["code"]) == 2
    down = atlas_mode.act(digits, state, event)
    assert down.root == tuple(event["code"])
    assert atlas_mode.act(digits, down, {"what": "go", "value": 1}).root == down.root[:1]
    assert atlas_mode.act(digits, down, {"what": "back"}).root == down.root[:1]
    full = digits.complete([()])[0]
    assert "This picture is complete" in atlas_mode.show(digits, AtlasState("d", full))


@pytest.mark.parametrize("code", ["x", [16], [1.5], [0] * 9, [None]])
def test_forged_roots_are_refused(digits, code):
    with pytest.raises(ValueError, match=r"load it again|codes must"):
        atlas_mode.act(digits, AtlasState("d"), {"what": "root", "code": code})


def test_hidden_pixels_are_filled_in(digits, goal):
    state = guide_mode.hide_half(digits, GuideState("d", goal))
    assert len(Buttons(guide_mode.answer(digits, state, None, 1.0, 0)).images) == 7
    assert guide_mode.answer(digits, state, None, 1.0, 0) == guide_mode.answer(
        digits, state, None, 1.0, 0
    )
    assert "data-pad" in guide_mode.show_pad(digits, state)


@pytest.mark.parametrize(
    ("label", "scale", "message"),
    [
        (None, 1.0, "nothing is wished for"),
        (3, 1.0, "this model has no such class"),
        (None, 9.0, "scale must lie in"),
    ],
)
def test_wishes_that_do_not_fit_are_refused(digits, label, scale, message):
    with pytest.raises(ValueError, match=message):
        guide_mode.answer(digits, GuideState("d"), label, scale, 0)


@pytest.mark.parametrize(
    ("share", "text"), [(0.5, "50 %"), (0.0987, "9.9 %"), (0.01, "1.0 %"), (1e-5, "< 0.1 %")]
)
def test_shares_are_short(share, text):
    assert format_share(share) == text


def test_a_click_costs_less_than_150_milliseconds(shelf, rng):
    model, state, times = shelf.find("MNIST"), DrawState("MNIST"), []
    for _ in range(9):
        start = time.process_time()
        state = draw_mode.draw_on(model, state, rng)
        draw_mode.show(model, state)
        times.append(time.process_time() - start)
    assert np.median(times) < 0.15
