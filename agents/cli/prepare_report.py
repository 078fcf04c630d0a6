"""What `gcgen prepare` says about a folder, and what it suggests to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from agents.cli.outputs import as_argument
from gcgen_env.datasets.dataset import SMALLEST_TO_SPLIT, split_indices
from gcgen_env.datasets.folder_survey import Survey, count_suffixes
from gcgen_env.datasets.prepared import Prepared
from gcgen_env.datasets.size_advice import suggest_task
from gcgen_env.limits import MAX_BYTES

MOST_NAMES = 5
"""How many files of a kind are named."""


def describe(survey: Survey, prepared: Prepared) -> list[str]:
    """Return the report, line by line."""
    num_training = len(split_indices(len(prepared.order), "train"))
    proposals, horizon = suggest_task(prepared.num_values, num_training)
    num_clear = sum(header.is_transparent for header in survey.headers)
    colour = "all grey" if prepared.is_grey else "colour"
    rows = {
        "images": f"{len(prepared.paths):,} different ones in {survey.folder}",
        "sizes": _describe_sizes(survey),
        "modes": _count(header.mode for header in survey.headers),
        "content": colour + (f"; {num_clear:,} may be transparent" if num_clear else ""),
        "classes": _describe_classes(prepared),
        "memory": _describe_memory(survey, prepared),
        "duplicates": f"{len(prepared.duplicates):,} left out",
        "not read": count_suffixes(survey.others),
        "broken": f"{len(prepared.broken):,} left out",
        "suggestion": f"{prepared.side}x{prepared.side} pixels, A = {proposals}, H = {horizon}",
    }
    details = {
        "duplicates": [
            f"{survey.name(path)} is {survey.name(first)}"
            for path, first in prepared.duplicates.items()
        ],
        "broken": [f"{survey.name(path)}: {why}" for path, why in prepared.broken.items()],
    }
    lines = []
    for name, text in rows.items():
        if text and details.get(name, [name]):  # neither "no classes" nor "0 left out"
            lines.append(f"{name:10}  {text}")
            lines += [f"{'':12}{line}" for line in _shorten(details.get(name, []))]
    return lines


def find_notes(survey: Survey, prepared: Prepared) -> list[str]:
    """Return what the user should know before training, one sentence each."""
    notes, num = [], len(prepared.paths)
    if num < SMALLEST_TO_SPLIT:
        what = "there is one image" if num == 1 else f"there are only {num} images"
        notes.append(
            f"{what}: training, validation and test use the same ones, so no bound will tell "
            "whether a model has learned more than these"
        )
    if prepared.is_plain:
        notes.append("every image is of one colour: there are no shapes to learn")
    small = sum(min(h.width, h.height) < prepared.side for h in survey.headers)
    if small:
        notes.append(
            f"{small:,} files have a side below {prepared.side} pixels and may look coarse"
        )
    return notes


def suggest_training(prepared: Prepared, out: Path) -> str:
    """Return the command that trains on a data set."""
    words = ["gcgen", "train", "--env", "GCGen-Images-v0", "--dataset", as_argument(out)]
    if (
        out.suffix and 2 * prepared.num_bytes > MAX_BYTES
    ):  # with room for the labels, and small sets' copies
        words += ["--max-bytes", str(4 * prepared.num_bytes)]
    return shlex.join([*words, "--out", f"runs/{out.stem}"])


def show_bytes(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count:,} bytes" if count < 100_000 else f"{count / 1e6:,.1f} MB"


def _describe_sizes(survey: Survey) -> str:
    sizes = Counter((header.width, header.height) for header in survey.headers)
    (width, height), most = sizes.most_common(1)[0]
    if len(sizes) == 1:
        return f"all {width}x{height}"
    small, large = (
        choose(sizes, key=lambda size: (size[0] * size[1], size)) for choose in (min, max)
    )
    return (
        f"{small[0]}x{small[1]} to {large[0]}x{large[1]}, most often {width}x{height} ({most:,}); "
        f"the median of the shorter sides is {survey.median_side}"
    )


def _describe_classes(prepared: Prepared) -> str:
    names = prepared.class_names()
    return f"{len(names):,} sub-folders: {_count(prepared.classes or ())}" if names else ""


def _describe_memory(survey: Survey, prepared: Prepared) -> str:
    whole = sum(h.width * h.height * h.num_channels for h in survey.headers)
    return f"{show_bytes(whole)} in full size, {show_bytes(prepared.num_bytes)} prepared"


def _count(values: Iterable[str]) -> str:
    counts = Counter(values)
    shown = [f"{value} {count:,}" for value, count in counts.most_common(MOST_NAMES)]
    return ", ".join(shown) + ", ..." * (len(counts) > MOST_NAMES)


def _shorten(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_NAMES
    return lines if more <= 0 else [*lines[:MOST_NAMES], f"... and {more:,} more"]
