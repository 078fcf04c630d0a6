"""Reads what the runs left, and puts it together: tables for people and for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.scores import Interval, compare, compute_interval
from agents.benchmark.study import RESULT, TIMING, Run
from agents.cli.run_folder import write_bytes, write_json

FIELDS = ("env", "contestant", "seed", "steps", "score", "return", "gain", "success",
          "invalid_rate", "weights", "config")  # fmt: skip
"""Columns of results.csv."""
RIVAL = "greedy"
"""Whom the probability of improvement is over."""


class Outcome(NamedTuple):
    """One complete run."""

    run: Run
    """What was done."""
    result: dict[str, Any]
    """Figures that the seed reproduces."""
    timing: dict[str, Any]
    """Figures that it does not."""
    folder: Path
    """Where the rest is."""

    @property
    def last(self) -> dict[str, Any]:
        """The last point of the learning curve."""
        return self.result["curve"][-1]


def read_outcomes(runs: Sequence[Run], out: Path) -> list[Outcome]:
    """Read the runs that are complete.

    Raises:
        ValueError: If some were made with other weights of the same S-agent: another task.
    """
    outcomes: list[Outcome] = []
    weights: dict[str, str] = {}
    for run in runs:
        folder = run.folder(out)
        if run.is_complete(out):
            result = json.loads((folder / RESULT).read_text())
            timing = json.loads((folder / TIMING).read_text())
            found = result["run"]["weights"]
            if weights.setdefault(run.env, found) != found:
                raise ValueError(
                    f"{folder} was made with the S-agent {found}, others with {weights[run.env]}: "
                    "another proposer is another task, and their results do not compare"
                )
            outcomes.append(Outcome(run, result, timing, folder))
    return outcomes


class Table:
    """Outcomes by environment and contestant."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        """Sort them."""
        self.envs = list(dict.fromkeys(o.run.env for o in outcomes))
        played = {o.run.contestant for o in outcomes}
        self.contestants = [name for name in CONTESTANTS if name in played]
        self._cells: dict[tuple[str, str], list[Outcome]] = {}
        for outcome in outcomes:
            self._cells.setdefault((outcome.run.env, outcome.run.contestant), []).append(outcome)

    def cell(self, env: str, contestant: str) -> list[Outcome]:
        """Return the runs of one contestant on one environment, by seed."""
        return sorted(self._cells.get((env, contestant), []), key=lambda o: o.run.seed)

    def scores(self, contestant: str) -> NDArray[np.float64] | None:
        """Return the final scores, shape (T, R), of the seeds that all environments have."""
        rows = [[o.last["score"] for o in self.cell(env, contestant)] for env in self.envs]
        least = min(map(len, rows))
        return np.array([row[:least] for row in rows]) if least else None

    def interval(self, contestant: str) -> Interval | None:
        """Return the interquartile mean over runs and environments, with its interval."""
        scores = self.scores(contestant)
        return None if scores is None else compute_interval(scores)

    def improvement(self, contestant: str) -> Interval | None:
        """Return the probability of improvement over greedy look-ahead."""
        scores, rival = self.scores(contestant), self.scores(RIVAL)
        if scores is None or rival is None or contestant == RIVAL:
            return None
        return compare(scores, rival)


def write_results(out: Path, outcomes: Sequence[Outcome]) -> None:
    """Write results.csv and results.json, which seeds reproduce, and timings.json, none does."""
    rows = []
    for o in outcomes:
        for point in o.result["curve"]:
            named = {"env": o.run.env, "contestant": o.run.contestant, "seed": o.run.seed}
            origin = {"weights": o.result["run"]["weights"], "config": o.run.digest}
            rows.append({**named, **point, **origin})
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(out / "results.csv", text.getvalue().encode())
    write_json(out / "results.json", {"runs": [o.result for o in outcomes]})
    timings = [{"folder": o.folder.name, **o.timing} for o in outcomes]
    write_json(out / "timings.json", {"runs": timings})


def write_report(
    out: Path, table: Table, failures: Sequence[tuple[Run, str]], figures: Sequence[Path]
) -> None:
    """Write report.md.

    Args:
        out: Folder of the study.
        table: The outcomes.
        failures: Runs that failed, and why.
        figures: Pictures to show, in `out`.
    """
    lines = ["# Benchmark", "", *_describe(table), ""]
    lines += [
        "Scores: 0 is a random valid action, 1 greedy look-ahead, measured by the undiscounted "
        "change of potential over an episode; deterministic play on test images.",
        "",
        *_summary(table),
    ]
    for env in table.envs:
        lines += ["", f"## {env}", "", *_details(table, env)]
    if failures:
        lines += ["", "## Failed runs, not counted", ""]
        lines += [f"- {run.contestant} on {run.env}, seed {run.seed}: {e}" for run, e in failures]
    lines += ["", *(f"![{path.stem}]({path.name})" for path in figures)]
    write_bytes(out / "report.md", ("\n".join(lines) + "\n").encode())


def _describe(table: Table) -> list[str]:
    """Say where the figures were made."""
    outcome = table.cell(table.envs[0], table.contestants[0])[0]
    machine, versions = outcome.timing["machine"], outcome.timing["versions"]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    weights = {env: table.cell(env, table.contestants[0])[0].result["run"] for env in table.envs}
    tasks = ", ".join(f"{env} ({run['weights']})" for env, run in weights.items())
    return [
        f"{machine['processor']}, {machine['cores']} cores, one thread a run; {listed}.",
        "",
        f"Tasks, with the hash of the S-agent that proposes: {tasks}.",
    ]


def _summary(table: Table) -> list[str]:
    """Return the table over all environments."""
    header = ("contestant", "IQM score [95 %]", f"P(better than {RIVAL}) [95 %]", *table.envs)
    rows = []
    for name in table.contestants:
        means = []
        for env in table.envs:
            scores = [o.last["score"] for o in table.cell(env, name)]
            spread = f" ± {np.std(scores, ddof=1):.3f}" if len(scores) > 1 else ""
            means.append(f"{np.mean(scores):.3f}{spread} ({len(scores)})" if scores else "")
        rows.append((name, _show(table.interval(name)), _show(table.improvement(name)), *means))
    return markdown(header, rows)


def _details(table: Table, env: str) -> list[str]:
    """Return the table of one environment."""
    header = ("contestant", "seeds", "steps", "return", "score", "success", "invalid actions",
              "steps/s", "seconds", "peak memory")  # fmt: skip
    rows = []
    for name in table.contestants:
        cell = table.cell(env, name)
        if cell:
            means = {key: float(np.mean([o.last[key] for o in cell])) for key in cell[0].last}
            speed = np.median([o.timing["steps_per_second"] for o in cell])
            seconds = np.median([o.timing["seconds"][-1] for o in cell])
            memory = max(o.timing["peak_memory_bytes"] for o in cell)
            rows.append(
                (
                    name,
                    str(len(cell)),
                    f"{means['steps']:,.0f}",
                    f"{means['return']:.1f}",
                    f"{means['score']:.3f}",
                    f"{means['success']:.2f}",
                    f"{means['invalid_rate']:.1%}",
                    f"{speed:,.0f}" if means["steps"] else "",
                    f"{seconds:.0f}" if means["steps"] else "",
                    f"{memory / 1e6:.0f} MB",
                )
            )
    return markdown(header, rows)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in Markdown, line by line."""
    return ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]


def _show(interval: Interval | None) -> str:
    """Return an interval in words."""
    if interval is None or math.isnan(interval.value):
        return ""
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
