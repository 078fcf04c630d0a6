"""The page of the command line: every command and every option, from the parsers themselves."""

from __future__ import annotations

import re
import warnings
from typing import Any

import tyro
import tyro.extras

from agents.cli.commands import SUMMARIES, load_command
from agents.cli.parsing import make_request_type

NOTHING = " (default: None)"
"""What the parsers say of an option that may be left out."""


def make_pages() -> dict[str, str]:
    """Return the page, by its name."""
    lines = ["Command line", "============", "", "``gcgen COMMAND [OPTIONS]``", ""]
    lines += ["Results are printed on stdout, progress and messages on stderr."]
    lines += ["``--quiet`` prints results and errors only, ``--verbose`` also warnings and"]
    lines += ["tracebacks; every command has both. ``gcgen --version`` prints versions.", ""]
    lines += [f"- `gcgen {name}`_: {quote(summary)}" for name, summary in SUMMARIES.items()]
    lines.append("")
    for name, summary in SUMMARIES.items():
        lines += describe(name, summary)
    return {"command-line.rst": "\n".join(lines)}


def describe(name: str, summary: str) -> list[str]:
    """Return the section of a command."""
    title = f"gcgen {name}"
    details = (load_command(name).__doc__ or "").strip()
    lines = [title, "-" * len(title), "", quote(summary), ""]
    if "\n" in details:
        rest = details.split("\n", 1)[1]
        lines += [quote(re.sub(r"\s+", " ", rest).strip()), ""]
    for group, actions in find_options(name).items():
        if group:
            lines += [f".. rubric:: {group.capitalize()}", ""]
        lines += [".. list-table::", "   :widths: 30 70", "   :class: options", ""]
        for flags, text in actions:
            lines += [f"   * - ``{flags}``", f"     - {quote(text)}"]
        lines.append("")
    return lines


def find_options(name: str) -> dict[str, list[tuple[str, str]]]:
    """Return the options of a command by their group: how they are written, and what they do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tyro's parser, without its printing
        parser: Any = tyro.extras.get_parser(
            make_request_type(name),
            prog=f"gcgen {name}",
            config=(tyro.conf.OmitArgPrefixes,),
        )
    groups: dict[str, list[tuple[str, str]]] = {}
    for group in parser._action_groups:
        title = (group.title or "").removesuffix(" options").removeprefix(f"{name}.")
        if title in ("options", "messages"):  # those that every command has
            continue
        title = "" if title in (name, "positional arguments") else title
        for action in group._group_actions:
            flags = ", ".join(action.option_strings)
            value = action.metavar if isinstance(action.metavar, str) else ""
            found = groups.setdefault(title, [])
            text = re.sub(r"\s+", " ", action.help or "").replace("%%", "%")
            found.append((f"{flags} {simplify(value)}".strip(), text.replace(NOTHING, "")))
    return groups


def simplify(value: str) -> str:
    """Return what stands for a value without None, which nobody types: {None}|INT is INT."""
    return re.sub(r"\{None,", "{", value.removeprefix("{None}|"))


def quote(text: str) -> str:
    """Escape what reStructuredText would read as markup."""
    text = re.sub(r"`+([^`]+)`+", r"``\1``", text)
    parts = re.split(r"(``.+?``)", text)
    escaped = [p if p.startswith("``") else re.sub(r"([*|\\]|_\b)", r"\\\1", p) for p in parts]
    return "".join(escaped)
