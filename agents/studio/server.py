"""Serves the page of the studio, on this machine unless asked otherwise."""

from __future__ import annotations

import os
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported

import gradio as gr
import numpy as np

from agents.studio.given import MOST_UPLOAD
from agents.studio.page import build_page
from agents.studio.recording import Recorder
from agents.studio.shelf import Shelf
from agents.studio.widgets import STYLE

HOST, PORT = "127.0.0.1", 7860
ATTEMPTS = 5
"""How often the page is started if a busy machine does not answer in time."""
MOST_SESSIONS = 500
"""Sessions whose state is kept; the oldest one makes room."""
FONTS = {
    "font": [gr.themes.Font("system-ui"), gr.themes.Font("sans-serif")],
    "font_mono": [gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
}
"""Fonts of the reader's machine: nothing is fetched from elsewhere."""


def make_theme() -> gr.themes.Default:
    """Return gradio's colours, darker where small text would have too little contrast."""
    return gr.themes.Default(primary_hue="blue", **FONTS).set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        body_text_color_subdued="*neutral_600",
        color_accent="*primary_700",
    )


class Server:
    """A running studio."""

    def __init__(self, page: gr.Blocks, url: str) -> None:
        """Store the page and its address."""
        self.page = page
        self.url = url

    def __repr__(self) -> str:
        """Show the address."""
        return f"Studio({self.url})"

    def close(self) -> None:
        """Stop serving."""
        self.page.close(verbose=False)

    def wait(self) -> None:
        """Serve until Ctrl-C."""
        self.page.block_thread()


def serve(
    shelf: Shelf,
    host: str = HOST,
    port: int | None = PORT,
    share: bool = False,
    recorder: Recorder | None = None,
    seed: int | None = None,
    **options: Any,
) -> Server:
    """Serve a studio in threads of its own.

    Args:
        shelf: The models.
        host: Address to listen on; "0.0.0.0" lets other machines in.
        port: The port; None takes the first free one from 7860 on.
        share: Open a tunnel, through which everybody with the link gets in.
        recorder: Records the games of the mode "copy".
        seed: Seed of all draws; None draws anew.
        **options: Of gradio's `launch`, such as `inline` or `height`.

    Raises:
        OSError: If the port is taken, or the page does not answer.
    """
    shelf.find(shelf.names[0])  # a damaged file ends the command, and no session
    rng = np.random.default_rng(seed)
    for _ in range(ATTEMPTS):
        page = build_page(shelf, recorder, rng)
        try:
            return Server(page, _launch(page, host, port, share, options))
        except ValueError:  # gradio gives its own server three seconds to answer
            page.close(verbose=False)
    raise OSError(f"the page does not answer at {host}: see whether a proxy is in the way")


def _launch(
    page: gr.Blocks, host: str, port: int | None, share: bool, options: dict[str, Any]
) -> str:
    """Start gradio's server; return the address of the page."""
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        share=share,
        theme=make_theme(),
        css=STYLE,
        quiet=True,
        prevent_thread_lock=True,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        max_file_size=MOST_UPLOAD,
        state_session_capacity=MOST_SESSIONS,
        show_error=True,
        **{"inline": False, **options},
    )
    return url
