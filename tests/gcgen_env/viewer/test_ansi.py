"""The text of one decision."""

import numpy as np
import pytest

from gcgen_env.viewer import render_ansi
from tests.gcgen_env.viewer.sample_frames import SHAPES, make_sample_frame


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("width", [24, 80, 200])
def test_lines_fit_and_the_first_names_step_and_distance(shape, width):
    lines = render_ansi(make_sample_frame(shape, chosen=2), width).splitlines()
    assert lines[0] == "step 3 / 10   distance 0.123"[:width].rstrip()
    assert max(map(len, lines)) <= width
    assert "\x1b" not in "".join(lines)


def test_default_shows_step_and_distance_in_full():
    assert render_ansi(make_sample_frame((1, 8, 8))).startswith("step 3 / 10   distance 0.123\n")


def test_state_and_goal_are_side_by_side():
    shape = (1, 8, 8)
    frame = make_sample_frame(shape, state=np.zeros(shape), goal=np.ones(shape))
    lines = render_ansi(frame).splitlines()
    assert "state" in lines[1] and "goal" in lines[1]
    assert lines[2:10] == ["│" + " " * 16 + "│   │" + "█" * 16 + "│"] * 8


def test_the_most_probable_proposals_are_listed_in_order():
    log_prior = np.log([0.1, 0.4, 0.05, 0.2, 0.15, 0.06, 0.04])
    mask = np.arange(7) != 3
    frame = make_sample_frame((1, 8, 8), 7, log_prior=log_prior, action_mask=mask, chosen=6)
    listed = [line.split() for line in render_ansi(frame).splitlines()[-6:]]
    assert [line[0] for line in listed] == ["1", "3", "4", "0", "5", "6"]
    assert listed[0] == ["1", "0.400"]
    assert listed[1] == ["3", "0.200", "invalid"]
    assert listed[5] == ["6", "0.040", "chosen"]


def test_points_are_plotted_where_they_are():
    frame = make_sample_frame(
        (2,),
        3,
        state=np.array([0.0, 0.0]),
        goal=np.array([1.0, 1.0]),
        proposals=np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 1.0]]),
        action_mask=np.array([True, True, False]),
        chosen=1,
    )
    box = [line[1:-1] for line in render_ansi(frame).splitlines() if line.startswith("│")]
    assert (box[0][0], box[0][len(box[0]) // 2], box[0][-1]) == ("@", "·", "G")
    assert (box[-1][0], box[-1][-1]) == ("S", "o")


def test_too_narrow_a_text_is_refused():
    with pytest.raises(ValueError, match="at least 24 characters, got 10"):
        render_ansi(make_sample_frame((1, 8, 8)), width=10)
