"""The leaderboard: entries of studies that anyone has made, in one table for each task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.ranking import RANKED_BY, find_threshold, rank_references
from agents.benchmark.references import describe_task, find_references
from agents.benchmark.results import list_records, markdown
from agents.benchmark.run_files import Outcome
from agents.benchmark.scores import compute_interval
from agents.benchmark.study import hash_json
from agents.benchmark.submission import FEWEST_SEEDS, count_seeds, group_runs
from agents.benchmark.tasks import TASKS, TRACKS
from gcgen_env.atomic_files import read_json, write_bytes, write_json

ENTRIES = "leaderboard.json"
"""File of the entries: whoever adds one keeps the others."""
PAGE = "leaderboard.md"
"""File of the tables."""
HEADER = (
    "algorithm", "look-ahead", "decisions", "CPU seconds", "score [95 %]", "success [95 %]",
    "invalid actions", "seeds", "commit",
)  # fmt: skip
INTRODUCTION = f"""# Leaderboard

The best of each task first; the tracks are never ranked together, and the sparse one is ranked by
success. Scores: 0 is doing nothing, 1 is the best known, see [benchmark.md](benchmark.md). Success
is the share at the task's own threshold. Intervals are over seeds. Rows in italics are references:
nobody learned there. Look-ahead is what an algorithm computes from the previews besides its policy,
as its author says. An entry needs the seeds 0 to {FEWEST_SEEDS - 1} on one task. To add yours, run
the benchmark, check its folder, and write this page again; entries that are there already stay:

    gcgen benchmark check --out runs/bench
    gcgen benchmark leaderboard --submissions runs/bench --out docs

[{ENTRIES}]({ENTRIES}) has the numbers of each seed.
"""


@dataclass(frozen=True)
class Entry:
    """What one algorithm has reached on one task, at the end of the training of each seed."""

    env: str
    """Id of the environment."""
    track: str
    """Name in `TRACKS`."""
    contestant: str
    """A name in `CONTESTANTS`, or a class as "module:Class"."""
    look_ahead: str
    """What it computes from the previews besides its policy."""
    timesteps: int
    """Number of decisions it was given."""
    settings: str
    """Hash of its options, and of the source of a class."""
    task: str
    """Hash of the task and its references."""
    seeds: tuple[int, ...]
    """The seeds; the next fields have a number for each."""
    steps: tuple[int, ...]
    """Decisions it has made."""
    cpu_seconds: tuple[float, ...]
    """Processor time of the run."""
    score: tuple[float, ...]
    """Scores."""
    success: tuple[float, ...]
    """Share of goals within the task's own threshold."""
    invalid_rate: tuple[float, ...]
    """Share of invalid actions."""
    commits: tuple[str, ...]
    """Versions of the library, sorted."""
    records: tuple[str, ...]
    """A sentence for each run that beats the best known codes."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What there is one entry of."""
        return (self.env, self.track, self.contestant, self.timesteps)


def make_entries(outcomes: Sequence[Outcome]) -> list[Entry]:
    """Return an entry for each algorithm, task and track with enough seeds.

    Raises:
        ValueError: If a run is there twice, or an algorithm with two settings.
    """
    groups = [group for group in group_runs(outcomes) if count_seeds(group) == FEWEST_SEEDS]
    return _merge(map(_make_entry, groups), replace=False)


def read_entries(path: Path) -> list[Entry]:
    """Read the entries of a file; there are none if it does not exist.

    Raises:
        ValueError: If the file is damaged.
    """
    if not path.exists():
        return []
    try:
        found = read_json(path)["entries"]
        lists = {name for name, kind in Entry.__annotations__.items() if kind.startswith("tuple")}
        rows: list[dict[str, Any]] = [
            {k: tuple(v) if k in lists else v for k, v in each.items()} for each in found
        ]
        return [Entry(**row) for row in rows]
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def update_leaderboard(new: Sequence[Entry], folder: Path) -> list[Entry]:
    """Write the entries and the page again, with new entries.

    Args:
        new: Each replaces that of the same algorithm, task, track and number of decisions. A class
            replaces only itself: another one of this name needs another name.
        folder: It gets `leaderboard.json` and `leaderboard.md`.

    Returns:
        Earlier entries that are left out, because their task has changed since.

    Raises:
        ValueError: If the file of the entries is damaged, or a class of a new entry is another one.
    """
    known = read_entries(folder / ENTRIES)
    entries = _merge([*known, *new], replace=True)
    settings = {entry.key: entry.settings for entry in entries}
    for entry in known:
        if entry.contestant not in CONTESTANTS and entry.settings != settings[entry.key]:
            raise ValueError(
                f"the leaderboard has another {entry.contestant}: give your class another name, or "
                f"delete its entries in {folder / ENTRIES} if it is yours"
            )
    stale = [entry for entry in entries if entry.env not in TASKS or entry.task != _hash(entry.env)]
    kept = [entry for entry in entries if entry not in stale]
    folder.mkdir(parents=True, exist_ok=True)
    page = write_page(kept)  # before anything is written
    write_json(folder / ENTRIES, {"entries": [asdict(entry) for entry in kept]})
    write_bytes(folder / PAGE, page.encode())
    return stale


def write_page(entries: Sequence[Entry]) -> str:
    """Return the tables of all entries, in Markdown."""
    lines = [INTRODUCTION.rstrip()]
    for track in TRACKS:
        for env in TASKS:
            here = [entry for entry in entries if (entry.track, entry.env) == (track, env)]
            if here:
                names = {entry.contestant for entry in here}
                rows = [*map(_make_row, here), *_list_references(track, env, names)]
                rows.sort(key=lambda row: -row[0])
                table = markdown(HEADER, [cells for _, cells in rows])
                lines += ["", f"## {env}, {track}", "", *table]
                if records := [each for entry in here for each in entry.records]:
                    lines += ["", f"Records: {'; '.join(records)}."]
    return "\n".join(lines) + "\n"


def _make_entry(group: list[Outcome]) -> Entry:
    """Return the entry of runs that differ in the seed alone."""
    group = sorted(group, key=lambda o: o.run.seed)
    run, last = group[0].run, [o.last for o in group]
    return Entry(
        env=run.env,
        track=run.track,
        contestant=run.contestant,
        look_ahead=group[0].result["run"]["look_ahead"],
        timesteps=run.timesteps,
        settings=hash_json(group[0].result["run"]["options"]),
        task=_hash(run.env),
        seeds=tuple(o.run.seed for o in group),
        steps=tuple(point["steps"] for point in last),
        cpu_seconds=tuple(round(o.timing["cpu_seconds"], 1) for o in group),
        score=tuple(round(point["score"], 6) for point in last),
        success=tuple(point["success"][group[0].main_threshold] for point in last),
        invalid_rate=tuple(round(point["invalid_rate"], 6) for point in last),
        commits=tuple(sorted({str(o.timing.get("commit") or "unknown") for o in group})),
        records=tuple(list_records(group)),
    )


def _merge(entries: Iterable[Entry], replace: bool) -> list[Entry]:
    """Return one entry for each key, the last one, sorted; or raise a ValueError if there are two.

    Args:
        entries: The entries.
        replace: Whether there may be two.
    """
    merged: dict[tuple[str, str, str, int], Entry] = {}
    for entry in entries:
        if entry.key in merged and not replace:
            raise ValueError(
                f"{entry.contestant} has two settings on {entry.env}, {entry.track}: "
                "name the folder of one of them"
            )
        merged[entry.key] = entry
    return [merged[key] for key in sorted(merged)]


@cache
def _hash(env: str) -> str:
    """Return a hash of a task and its references, on which a score depends."""
    return hash_json([describe_task(env), find_references(env)])


def _make_row(entry: Entry) -> tuple[float, tuple[str, ...]]:
    """Return the mean score of an entry, and its cells."""
    score, success = (
        compute_interval(np.array([each]), np.mean) for each in (entry.score, entry.success)
    )
    ranked = {"score": score, "success": success}[RANKED_BY[entry.track]]
    return ranked.value, (
        entry.contestant,
        entry.look_ahead,
        f"{np.mean(entry.steps):,.0f}",
        f"{np.median(entry.cpu_seconds):,.0f}",
        f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]",
        f"{success.value:.2f} [{success.low:.2f}, {success.high:.2f}]",
        f"{np.mean(entry.invalid_rate):.1%}",
        str(len(entry.seeds)),
        ", ".join(entry.commits),
    )


def _list_references(track: str, env: str, played: set[str]) -> list[tuple[float, tuple[str, ...]]]:
    """Return the ranks of the references that have no entry, and their cells, in italics."""
    references, ranked = find_references(env), rank_references(track, env)
    rows: list[tuple[float, tuple[str, ...]]] = []
    for name, each in references.items():
        if name in played:
            continue
        score = each["gain"] / references["best"]["gain"]
        shown = (f"*{score:.3f}*", f"*{each['success'][find_threshold(env)]:.2f}*")
        rows.append((ranked[name], (f"*{name.replace('_', ' ')}*", "", "", "", *shown, "", "", "")))
    return rows
