"""Writes the pages that are made from the code, before Sphinx reads the sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docs.sphinx_extensions import api, command_line, environments


def write_pages(app: Any) -> None:
    """Write the pages into `reference/`, which git ignores; those that are up to date stay."""
    folder = Path(app.srcdir) / "reference"
    pages = {**environments.make_pages(folder), **command_line.make_pages(), **api.make_pages()}
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
