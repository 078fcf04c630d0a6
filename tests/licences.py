"""The licences of the libraries that come with GCGen: `python -m tests.licences` lists them.

The list is written into THIRD_PARTY.md from the metadata of the installed libraries.
"""

from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house import ROOT

PAGE = ROOT / "THIRD_PARTY.md"
INTRODUCTION = """\
# Licences of other libraries

GCGen contains no code of these libraries; installing it brings them. `make lock` writes the table
from their own metadata: every library that GCGen needs at run time, directly or through another
one, on Linux with a CPU build of PyTorch. Builds of PyTorch for CUDA also bring NVIDIA's libraries,
under NVIDIA's own licence, and Triton (MIT).

| library | version | licence | home |
|---|---|---|---|
"""


def find_closure(name: str) -> dict[str, Distribution]:
    """Return the installed libraries that a library needs at run time, by canonical name."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(name)]
    while waiting:
        requirement = waiting.pop()
        for extra in (*requirement.extras, ""):
            for text in distribution(requirement.name).requires or []:
                needed = Requirement(text)
                key = canonicalize_name(needed.name)
                is_needed = needed.marker is None or needed.marker.evaluate({"extra": extra})
                if is_needed and key not in found:
                    found[key] = distribution(needed.name)
                    waiting.append(needed)
    return dict(sorted(found.items()))


def find_licence(found: Distribution) -> str:
    """Return the licence of a library: its SPDX expression, else its classifier, else its text."""
    metadata = found.metadata
    expression = metadata.get("License-Expression")
    if expression:
        return expression
    classifiers = metadata.get_all("Classifier") or []
    names = [c.split(" :: ")[-1] for c in classifiers if c.startswith("License :: ")]
    first_line = (metadata.get("License") or "see its home").strip().splitlines()[0]
    return ", ".join(name for name in names if name != "OSI Approved") or first_line[:60]


def find_home(found: Distribution) -> str:
    """Return the address of a library."""
    metadata = found.metadata
    urls = [line.split(", ", 1) for line in metadata.get_all("Project-URL") or []]
    labelled = {label.lower(): url for label, url in urls}
    for label in ("homepage", "home", "home page", "source", "source code", "repository", "github"):
        if label in labelled:
            return labelled[label]
    return metadata.get("Home-page") or next(iter(labelled.values()), "")


def write_page() -> None:
    """Write THIRD_PARTY.md."""
    rows = []
    for name, found in find_closure("gcgen").items():
        version = found.version.split("+")[0]  # without the build
        rows.append(f"| {name} | {version} | {find_licence(found)} | {find_home(found)} |")
    PAGE.write_text(INTRODUCTION + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        write_page()
    except PackageNotFoundError as error:
        raise SystemExit(f"install {error} first: make setup") from error
