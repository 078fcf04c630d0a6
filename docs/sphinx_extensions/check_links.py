"""Checks the built site: every internal link leads somewhere, and nothing is loaded from elsewhere.

python -m docs.sphinx_extensions.check_links build/site
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")}
"""What a browser fetches by itself, by tag and attribute."""


class Page(HTMLParser):
    """Collects the anchors, links and loaded files of a page."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names or leads to."""
        for name, value in attrs:
            if not value:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif (tag, name) in LOADING and ("rel", "canonical") not in attrs:
                self.loaded.add(value)
            elif (tag, name) == ("a", "href"):
                self.links.add(value)


def find_faults(folder: Path) -> list[str]:
    """Return a sentence for every link without a target and every file from elsewhere."""
    paths = sorted(folder.rglob("*.html"))
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in paths}
    faults = []
    for path, page in pages.items():
        name = path.relative_to(folder)
        for link in sorted(page.links | page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    faults.append(f"{name} loads {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                faults.append(f"{name} links to {link}, which is not there")
            elif parts.fragment and target in pages:
                if unquote(parts.fragment) not in pages[target].anchors:
                    faults.append(f"{name} links to {link}, which has no such anchor")
    return faults


def main() -> int:
    """Print the faults of a folder; return 1 if there are some."""
    folder = Path(sys.argv[1]).resolve()
    faults = find_faults(folder)
    print("\n".join(faults) or f"{folder.name}: every link leads somewhere, nothing is remote")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
