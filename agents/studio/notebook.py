"""The studio in a notebook, or from a program: one model, served until it is closed."""

from __future__ import annotations

from typing import Any

from agents.gcgen import GCGen
from agents.studio.server import HOST, Server, serve
from agents.studio.shelf import make_shelf
from gcgen_env.model.s_agent import SAgent


def open_studio(
    model: GCGen | SAgent,
    *,
    name: str = "model",
    inline: bool = True,
    height: int = 900,
    port: int | None = None,
    seed: int | None = None,
    **options: Any,
) -> Server:
    """Open the studio with one model.

    Args:
        model: A model, or an S-agent alone.
        name: What the page calls it.
        inline: Show the page below the cell of a notebook.
        height: Height of the page there, in pixels.
        port: The port; None takes the first free one from 7860 on.
        seed: Seed of all draws; None draws anew.
        **options: Of gradio's `launch`.

    Returns:
        The running studio.
    """
    shelf = make_shelf([(name, model)], shipped=False)
    return serve(shelf, HOST, port, seed=seed, inline=inline, height=height, **options)
