"""Errors of the page's events: one sentence each."""

import pytest

gr = pytest.importorskip("gradio")
from agents.studio.widgets import EXPIRED, UNEXPECTED, guard, read_event  # noqa: E402


def test_a_session_that_has_expired_is_told_so():
    with pytest.raises(gr.Error, match="load the page again") as caught:
        guard(lambda state: state.model)(None)
    assert caught.value.message == EXPIRED


def test_anything_else_is_one_sentence_and_logged(caplog):
    with pytest.raises(gr.Error) as caught:
        guard(int)([])
    assert caught.value.message == UNEXPECTED
    assert "TypeError" in caplog.text


def test_an_event_is_an_object_whose_what_is_text():
    for data in (["choose"], {"what": ["a"]}, {"what": {}}):
        with pytest.raises(ValueError, match="no valid event"):
            read_event(gr.EventData(None, data))
    assert read_event(gr.EventData(None, {"what": "back"})) == {"what": "back"}
