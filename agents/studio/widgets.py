"""What the tabs of the page share: parts that one clicks, quick events, errors in one sentence."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from agents.studio.recording import Recorder
from agents.studio.shelf import Shelf

_STATIC = Path(__file__).parent / "static"
SCRIPT = (_STATIC / "studio.js").read_text(encoding="utf-8")
STYLE = (_STATIC / "studio.css").read_text(encoding="utf-8")
QUICK: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "multiple",
}
"""Options of events that answer at once; the queue would cost as much as the model."""
SLOW: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": 2}
"""Options of events that take seconds: two at a time, the others wait."""
SESSION_SECONDS = 24 * 3600
"""How long the state of an idle session is kept: a few numbers for each tab."""
FILE_SECONDS = 3600
"""How long uploaded and saved files are kept, at least."""
EXPIRED = "this session has not been used for a day: load the page again"
UNEXPECTED = "the page has sent something unexpected: load it again"
LOG = logging.getLogger(__name__)


class Context(NamedTuple):
    """What every tab needs."""

    shelf: Shelf
    """The models."""
    rng: np.random.Generator
    """Draws choices, test images and seeds."""
    recorder: Recorder | None = None
    """Records the games of the mode "copy"."""


def clickable(elem_id: str) -> gr.HTML:
    """Return a part of the page whose buttons send the events "picked" and "painted"."""
    return gr.HTML("", js_on_load=SCRIPT, apply_default_css=False, elem_id=elem_id)


def keep_state(value: Any = None) -> gr.State:
    """Return the state of a tab, one for each session."""
    return gr.State(value, time_to_live=SESSION_SECONDS)


def read_event(event: gr.EventData) -> Mapping[str, Any]:
    """Return what the browser has sent.

    Raises:
        ValueError: If it is no object.
    """
    if not isinstance(event._data, dict) or not isinstance(event._data.get("what", ""), str):
        raise ValueError("the page has sent no valid event: load it again")
    return event._data


def guard(function: Callable[..., Any]) -> Callable[..., Any]:
    """Show an error as one sentence on the page; one that is not expected is logged as well.

    A tab whose state is gone, because nobody has used it for a day, asks to load the page again.
    """

    @functools.wraps(function)  # gradio reads the annotations
    def guarded(*args: Any) -> Any:
        try:
            return function(*args)
        except (ValueError, OSError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            if args[:1] == (None,):
                raise gr.Error(EXPIRED, print_exception=False) from error
            LOG.exception("an event of the page has failed")
            raise gr.Error(UNEXPECTED, print_exception=False) from error

    return guarded
