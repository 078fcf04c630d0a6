import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.studio.drawing import MOST_BRANCHES, Drawing


def test_choices_that_were_taken_back_can_be_made_again():
    drawing = Drawing().choose(3).choose(5).choose(7)
    back = drawing.back().back()
    assert (back.code, back.ahead) == ((3,), (5, 7))
    assert back.forward().forward() == drawing
    assert back.choose(5) == drawing.back()  # the same choice leaves no branch


def test_another_choice_leaves_a_branch_and_one_can_return_to_it():
    drawing = Drawing().choose(3).choose(5).go_to(1).choose(6)
    assert (drawing.code, drawing.branches) == ((3, 6), ((3, 5),))
    returned = drawing.switch(0)
    assert (returned.code, returned.branches) == ((3, 5), ((3, 6),))
    assert returned.begin().branches == ((3, 5), (3, 6))


@pytest.mark.parametrize(
    ("move", "message"),
    [
        (lambda d: d.go_to(3), "there is no step 3: the drawing has 1"),
        (lambda d: d.go_to(-1), "there is no step -1"),
        (lambda d: d.switch(0), "there is no branch 0: there are 0"),
    ],
)
def test_impossible_moves_are_refused(move, message):
    with pytest.raises(ValueError, match=message):
        move(Drawing().choose(1))


MOVES = st.lists(
    st.tuples(st.sampled_from(["choose", "back", "forward", "begin", "switch"]), st.integers(0, 3)),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(MOVES)
def test_no_path_is_lost_until_there_are_many_and_none_is_kept_twice(moves):
    drawing, seen = Drawing(), set()
    for name, value in moves:
        if name == "choose":
            drawing = drawing.choose(value)
        elif name == "switch" and value < len(drawing.branches):
            drawing = drawing.switch(value)
        elif name != "switch":
            drawing = getattr(drawing, name)()
        seen.add(drawing.path)
        kept = (drawing.path, *drawing.branches)
        assert len(set(kept)) == len(kept)
        assert len(drawing.branches) <= MOST_BRANCHES
        if len(drawing.branches) < MOST_BRANCHES:  # each path is a beginning of one that is kept
            assert all(any(k[: len(p)] == p for k in kept) for p in seen)
