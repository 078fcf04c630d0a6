"""`gcgen studio`: open a page in the browser where one draws with saved models."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from agents.cli.checks import InputError, check_seed, reading_input

LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Studio:
    """Open a page in the browser where one draws with saved models.

    The page shows the proposals of the S-agent, and a click selects one. It is served on this
    machine alone. Ctrl-C ends it.
    """

    models: Positional[tuple[Path, ...]] = field(default=())
    """Folders of runs, or files of saved models; the shipped ones are there, too."""
    shipped: bool = True
    """Whether the shipped models are there."""
    port: int = 7860
    """Port of the page; 0 takes a free one."""
    host: str = "127.0.0.1"
    """Address to listen on; one of other machines needs `public`, too."""
    public: bool = False
    """Let other machines in: everybody who reaches the port can draw and upload pictures."""
    share: bool = False
    """Open a tunnel through a server of gradio's, and print a link for anybody."""
    record: Path | None = None
    """Folder of Minari data sets, into which the games of the mode "copy" are recorded."""
    record_name: str = "gcgen/studio/human-v0"
    """Name of the data set of --record."""
    overwrite: bool = False
    """Replace the data set if it exists."""
    seed: int | None = None
    """Seed of all draws; by default every start draws anew."""
    device: str = "auto"
    """Torch device."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        with reading_input():
            self._check()
            serve = load_server()
            from agents.cli.studio_models import find_recorder, read_models

            shelf = read_models(self.models, self.shipped, self.device)
            recorder = None
            if self.record is not None:
                place = (self.record, self.record_name, self.overwrite)
                recorder = find_recorder(shelf, self.models, *place)
        server = serve(shelf, self.host, self.port or None, self.share, recorder, self.seed)
        print(f"the studio is at {server.url} (Ctrl-C ends it)", flush=True)
        try:
            server.wait()
        finally:
            server.close()
        return 0

    def _check(self) -> None:
        """Raise a ValueError unless the options are valid."""
        if not 0 <= self.port < 65536:
            raise ValueError(f"--port must lie in [0, 65535], got {self.port}")
        if self.host not in LOCAL and not self.public:
            raise ValueError(
                f"--host {self.host} lets other machines in: add --public if you want that"
            )
        if not self.models and not self.shipped:
            raise ValueError("there is no model to draw with: name one, or leave out --no-shipped")
        if self.seed is not None:
            check_seed(self.seed)


def load_server() -> Any:
    """Import the function that serves a studio.

    Raises:
        InputError: If gradio is not installed.
    """
    gc.disable()  # imports make many objects and no garbage: looking for it takes a second
    try:
        from agents.studio.server import serve
    except ImportError as error:
        raise InputError(
            f"the studio needs a package ({error.name}): pip install -e '.[studio]'"
        ) from error
    finally:
        gc.enable()
    gc.freeze()  # what is imported stays, and clicks need not wait until it is looked through
    return serve
