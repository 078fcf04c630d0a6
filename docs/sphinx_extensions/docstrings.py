"""Docstrings are plain text with Google's sections: turns them into reStructuredText.

Indented lines are formulas or code and keep their form; headings, tables and lists of keywords
are those of Markdown; single quotes of code are doubled; characters that would start a markup are
escaped. Napoleon reads the sections after this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

SECTIONS = ("Args:", "Attributes:", "Raises:", "Returns:", "Yields:", "Example:", "Examples:")
_ATTRIBUTES: dict[str, list[str]] = {}
_SPECIAL = re.compile(r"(`+)(.+?)\1|([*|\\])|(\w)_(?![\w_])")


def convert(lines: list[str]) -> list[str]:
    """Return the lines of a docstring as reStructuredText."""
    result: list[str] = []
    for block in split_blocks(lines):
        first = block[0]
        if first.strip() in SECTIONS:
            result += [escape(line) for line in block]
        elif first.startswith("## "):
            result += [f".. rubric:: {first[3:]}", "", *convert(block[1:])]
        elif first.startswith("| "):
            result += make_table(block)
        elif re.match(r" {4}\w+: ", first):
            result += make_list(block)
        elif first.startswith("    ") and not first.strip().startswith((">>>", "- ", "* ")):
            result += ["::", "", *block]
        else:
            result += [escape(line) for line in block]
        result.append("")
    return result


def split_blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield what belongs together: paragraphs, sections, literal lines, tables."""
    block: list[str] = []
    for line in lines:
        kind, last = kind_of(line), kind_of(block[0]) if block else None
        starts = last is not None and kind not in ("blank", last)
        in_section = last == "section" and (line.startswith(" ") or kind == "blank")
        if block and not in_section and (kind == "blank" or starts) and not is_more(block, line):
            yield block
            block = []
        if kind != "blank" or block:
            block.append(line)
    if block:
        yield block


def is_more(block: list[str], line: str) -> bool:
    """Return whether an indented line continues an item, a doctest or the entry of a list."""
    begins = block[0].strip().startswith((">>>", "- ", "* "))
    is_entry = re.match(r" {4}\w+: ", block[0]) is not None
    return bool(line.strip()) and line.startswith(" ") and (begins or is_entry)


def kind_of(line: str) -> str:
    """Return the kind of a line."""
    text = line.strip()
    if not text:
        return "blank"
    if text in SECTIONS and not line.startswith(" "):
        return "section"
    if line.startswith("## "):
        return "heading"
    if line.startswith("|"):
        return "table"
    return "indented" if line.startswith("    ") else "text"


def make_table(rows: list[str]) -> list[str]:
    """Return a table of Markdown as a table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [row for row in rows if not re.fullmatch(r"[|\- ]+", row)]:
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        lines += [f"   {'* -' if i == 0 else '  -'} {escape(c)}" for i, c in enumerate(cells)]
    return lines


def make_list(lines: list[str]) -> list[str]:
    """Return indented lines "name: meaning" as a list."""
    result = []
    for line in lines:
        if match := re.match(r" {4}(\w+): (.*)", line):
            result.append(f"* ``{match[1]}``: {escape(match[2])}")
        else:
            result.append(f"  {escape(line.strip())}")
    return result


def escape(line: str) -> str:
    """Double the quotes of code, and escape what reStructuredText would read as markup."""
    if line.strip().startswith((">>>", "...")):
        return line
    bullet = re.match(r"\s*[*-] ", line)
    start = bullet.end() if bullet else 0

    def replace(match: re.Match[str]) -> str:
        _, code, special, word = match.groups()
        if code is not None:
            return f"``{code}``"
        return f"\\{special}" if special else f"{word}\\_"

    return line[:start] + _SPECIAL.sub(replace, line[start:])


def on_docstring(app: Any, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Convert the docstrings of our own objects."""
    if name.startswith(("gcgen_env", "agents")):
        lines[:] = convert(lines)
        if what in ("attribute", "data", "property"):
            _ATTRIBUTES[name] = list(lines)


def after_napoleon(app: Any, what: str, name: str, item: Any, opts: Any, lines: list[str]) -> None:
    """Undo what napoleon made of attributes: it takes what stands before a colon for a type."""
    if name in _ATTRIBUTES:
        lines[:] = _ATTRIBUTES.pop(name)


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx, before and after napoleon."""
    app.connect("autodoc-process-docstring", on_docstring, priority=100)
    app.connect("autodoc-process-docstring", after_napoleon, priority=900)
    return {"parallel_read_safe": True}
