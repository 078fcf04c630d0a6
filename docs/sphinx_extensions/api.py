"""Pages of the API: one for each package that lists its public names, from the docstrings."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

PACKAGES = {
    "gcgen_env": "Environments and their settings",
    "gcgen_env.datasets": "Data sets",
    "gcgen_env.testing": "Conformance checks",
    "gcgen_env.viewer": "Pictures as arrays, text and files",
    "gcgen_env.wrappers": "Wrappers for other libraries",
    "gcgen_env.rewards": "Rewards",
    "gcgen_env.model.likelihoods": "Likelihoods",
    "gcgen_env.model.chain": "The decision chain",
    "agents": "Agents and algorithms",
    "agents.gcgen.objectives": "Objectives of the GC-agent",
    "agents.guidance": "Guided generation",
    "agents.guidance.scorers": "Scores that guide",
    "agents.codec": "Files of codes, and edits",
    "agents.inspection": "Looking inside a model",
    "agents.evaluation": "Judging what is drawn",
    "agents.cards": "Model cards",
    "agents.offline.minari_writer": "Minari data sets",
    "agents.tracking": "Trackers",
}
"""Packages and modules in the order of the page, with their titles."""


ALGORITHMS = Path(__file__).parents[1] / "algorithms"
"""Pages of the algorithms, which document their classes; the reference links to them."""


def make_pages() -> dict[str, str]:
    """Return the pages by their names: one for each package, and one that lists them."""
    seen = find_algorithms()
    pages = {f"api/{name}.rst": make_page(name, title, seen) for name, title in PACKAGES.items()}
    entries = [f"   {title} <{name}>" for name, title in PACKAGES.items()]
    head = "The public classes and functions, from their docstrings."
    pages["api/index.rst"] = "\n".join(
        [*title_of("API reference"), head, "", ".. toctree::", "   :maxdepth: 1", "", *entries, ""]
    )
    return pages


def find_algorithms() -> dict[str, str]:
    """Return the pages that document the names of `agents`, by their full names."""
    found = {}
    for path in sorted(ALGORITHMS.glob("*.md")):
        for name in re.findall(r":: agents\.(\w+)$", path.read_text(encoding="utf-8"), re.M):
            found[full_name("agents", name)] = f"/algorithms/{path.stem}"
    return found


def full_name(package: str, name: str) -> str:
    """Return the name of an object in the module that defines it."""
    item = getattr(import_module(package), name)
    return f"{getattr(item, '__module__', package)}.{name}"


def make_page(name: str, title: str, seen: dict[str, str]) -> str:
    """Return the page of a package; what another page documents is linked there."""
    module = import_module(name)
    lines = [*title_of(title), f".. module:: {name}", "", f"``{name}``", ""]
    summary = (module.__doc__ or "").strip().splitlines()[0]
    lines += [summary.replace("`", "``"), ""]
    for each in public_names(name):
        home = full_name(name, each)
        if home in seen:
            lines += [f"``{each}``: :doc:`{seen[home]}`", ""]
            continue
        seen[home] = f"/reference/api/{name}"
        lines += directive(name, each, getattr(module, each))
    return "\n".join(lines)


def public_names(name: str) -> list[str]:
    """Return the public names of a package: its `__all__`, or what a module defines itself."""
    module = import_module(name)
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return list(listed)
    own = [k for k, v in vars(module).items() if getattr(v, "__module__", None) == name]
    return [k for k in own if not k.startswith("_")]


def directive(package: str, name: str, item: object) -> list[str]:
    """Return the directive that documents an object."""
    if inspect.isclass(item):
        return [f".. autoclass:: {package}.{name}", ""]
    if callable(item):
        return [f".. autofunction:: {package}.{name}", ""]
    return [f".. data:: {package}.{name}", ""]


def title_of(text: str) -> list[str]:
    """Return a title as reStructuredText."""
    return [text, "=" * len(text), ""]
