"""Links from pages to files of the repository: each becomes a page of the site with its source."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes

SRC = Path(__file__).resolve().parents[1]
ROOT = SRC.parent
PICTURES = {".gif", ".png"}
"""Files that stay files."""
PAGES = {
    "CHANGELOG.md": "project/changelog",
    "CODE_OF_CONDUCT.md": "project/conduct",
    "CONTRIBUTING.md": "project/contributing",
    "README.md": "index",
    "SECURITY.md": "project/security",
    # Pages that exist on the site alone: elsewhere the link leads to what they are made from.
    "docs/sphinx_extensions/api.py": "reference/api/index",
    "gcgen_env/registration.py": "reference/environments/index",
}
"""Files of the repository that are pages of the site, or that pages of it are made from."""


def find_page(path: Path, found: set[str]) -> str | None:
    """Return the page of a file of the repository; None if it is not in the repository."""
    if not path.is_relative_to(ROOT) or not path.exists() or path.suffix in PICTURES:
        return None
    name = path.relative_to(ROOT).as_posix()
    own = name.removeprefix("docs/").removesuffix(".md")
    if own in found:
        return own
    return PAGES.get(name, f"source/{name}")


def link_files(app: Any, doctree: nodes.document) -> None:
    """Let links to files lead to the pages of these files."""
    env, page = app.env, app.env.docname
    folder = Path(env.doc2path(page)).parent
    for node in list(doctree.findall(is_file_link)):
        target, _, anchor = node["reftarget"].partition("#")
        if target in env.found_docs:
            continue
        anchor = anchor or node.get("reftargetid") or ""
        candidates = [
            base / f"{target}{end}" for base in (folder, SRC, ROOT) for end in ("", ".md")
        ]
        paths = (Path(os.path.normpath(each)) for each in candidates)
        where = next((w for w in (find_page(p, env.found_docs) for p in paths) if w), None)
        if where is None:
            continue
        if where.startswith("source/"):
            env.metadata[page].setdefault("files", "")
            env.metadata[page]["files"] += f"{where}\n"
        up = "../" * page.count("/")
        uri = f"{up}{where}.html" + (f"#{anchor}" if anchor else "")
        node.replace_self(nodes.reference("", "", *node.children, internal=True, refuri=uri))


def is_file_link(node: nodes.Node) -> bool:
    """Return whether a node is a link to a file, or one that Sphinx could not resolve."""
    if isinstance(node, addnodes.download_reference):
        return True
    return isinstance(node, addnodes.pending_xref) and node.get("refdomain") in ("doc", "", None)


def write_sources(app: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield a page for every file that a page links to, and for the files of linked folders."""
    linked = (values.get("files", "") for values in app.env.metadata.values())
    names = {name for each in linked for name in str(each).split("\n") if name}
    queue = [ROOT / name.removeprefix("source/") for name in sorted(names)]
    for path in queue:
        if path.is_dir():
            inside = sorted(path.glob("*.py"))
            queue += [each for each in inside if each not in queue]
            body = list_files(inside)
        else:
            body = show_source(path)
        name = path.relative_to(ROOT).as_posix()
        title = f"<h1><code>{html.escape(name)}</code></h1>"
        yield f"source/{name}", {"title": name, "body": title + body}, "page.html"


def list_files(paths: list[Path]) -> str:
    """Return a list of files with links, which lie in one folder."""
    if not paths:
        return ""
    folder = paths[0].parent.name
    items = (f'<li><a href="{folder}/{p.name}.html"><code>{p.name}</code></a></li>' for p in paths)
    return f"<ul>{''.join(items)}</ul>"


def show_source(path: Path) -> str:
    """Return the text of a file as HTML, with colours if it is a program."""
    text = path.read_text(encoding="utf-8")
    try:
        lexer = get_lexer_for_filename(path.name)
    except ClassNotFound:
        return f'<div class="highlight"><pre>{html.escape(text)}</pre></div>'
    return highlight(text, lexer, HtmlFormatter())


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", link_files, priority=100)  # before files are copied
    app.connect("html-collect-pages", write_sources)
    return {"parallel_read_safe": True}
