"""Saves the history of a drawing: its code as JSON, its steps as PNG, its growth as GIF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from agents.studio.drawing import Drawing
from agents.studio.shared_model import SharedModel
from gcgen_env.atomic_files import read_json, write_json
from gcgen_env.viewer import image_grid, save_gif, save_png, trajectory_grid
from gcgen_env.viewer.scatter import scatter_plot

KIND, VERSION = "gcgen-drawing", 1
FORMATS = ("json", "png", "gif")
FRAMES_PER_SECOND, LAST_FRAMES = 3.0, 6
MOST_JSON = 1 << 16
"""Most bytes of a saved drawing that is opened."""


def save_drawing(model: SharedModel, drawing: Drawing, path: Path) -> Path:
    """Write a drawing; the suffix of the path says how.

    Raises:
        ValueError: If the suffix is unknown.
        OSError: If the file cannot be written.
    """
    writers = {".json": _save_code, ".png": _save_steps, ".gif": _save_growth}
    if path.suffix not in writers:
        raise ValueError(f"a drawing is saved as {', '.join(FORMATS)}, got {path.suffix!r}")
    writers[path.suffix](model, drawing, path)
    return path


def open_drawing(model: SharedModel, path: Path) -> Drawing:
    """Read a drawing that was saved as JSON.

    Raises:
        ValueError: If the file is damaged, or belongs to another model.
    """
    if path.stat().st_size > MOST_JSON:  # before anything is read
        raise ValueError("a saved drawing is a JSON file of a few lines: this one is too large")
    try:
        document = read_json(path)
    except ValueError as error:
        raise ValueError("this is no saved drawing: it is not a JSON object") from error
    if document.get("kind") != KIND or document.get("version") != VERSION:
        raise ValueError("this is no saved drawing: choose a JSON file that the studio has written")
    if document.get("s_agent") != model.digest:
        name = str(document.get("model"))[:40]
        raise ValueError(f"this drawing was made with another model ({name}): choose that one")
    return Drawing(_read_code(model, document.get("code")))


def _read_code(model: SharedModel, code: Any) -> tuple[int, ...]:
    """Return the code of a document, or raise a ValueError."""
    is_code = isinstance(code, list) and all(type(each) is int for each in code)  # no bool
    if not is_code or any(not 0 <= each < model.num_proposals for each in code):
        raise ValueError("the saved drawing is damaged: its code is no list of choices")
    return model.check(tuple(code))


def _save_code(model: SharedModel, drawing: Drawing, path: Path) -> None:
    """Write the code, and what it needs to be read again."""
    document = {
        "kind": KIND,
        "version": VERSION,
        "model": model.name,
        "s_agent": model.digest,
        "num_proposals": model.num_proposals,
        "horizon": model.horizon,
        "code": list(drawing.code),
    }
    write_json(path, document)


def _save_steps(model: SharedModel, drawing: Drawing, path: Path) -> None:
    """Write a strip of all states."""
    states = model.s_agent.decode(np.asarray([drawing.code], np.int64), return_trajectory=True)
    save_png(trajectory_grid(states, model.likelihood.low, model.likelihood.high), path)


def _save_growth(model: SharedModel, drawing: Drawing, path: Path) -> None:
    """Write one frame for each state."""
    states = model.s_agent.decode(np.asarray([drawing.code], np.int64), return_trajectory=True)
    low, high = model.likelihood.low, model.likelihood.high
    if model.is_plane:
        frames = [
            scatter_plot(states[h], low, high, trajectories=states[: h + 1])
            for h in range(len(states))
        ]
    else:
        scale = max(1, 240 // max(model.shape[1:]))
        frames = [image_grid(each, scale=scale, low=low, high=high) for each in states]
    save_gif(frames + frames[-1:] * LAST_FRAMES, path, FRAMES_PER_SECOND)  # rest on the last one


def describe_code(drawing: Drawing) -> str:
    """Return the choices so far as one line of JSON."""
    return json.dumps(list(drawing.code))
