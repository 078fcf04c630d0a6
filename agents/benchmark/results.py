"""Reads what the runs left, and puts it together: tables for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.scores import Interval, compare, compute_interval
from agents.benchmark.study import RESULT, TIMING, Run, check_weights
from agents.cli.run_folder import write_bytes, write_json

FIELDS = ("env", "contestant", "seed", "steps", "score", "return", "gain", "success",
          "invalid_rate", "weights", "config")  # fmt: skip
"""Columns of results.csv."""
FEWEST_RUNS = 3
"""Seeds below which no interval is given."""
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
        ValueError: If the study holds runs of another S-agent: of another task.
    """
    outcomes = []
    for run in runs:
        folder = run.folder(out)
        if run.is_complete(out):
            result = json.loads((folder / RESULT).read_text())
            timing = json.loads((folder / TIMING).read_text())
            outcomes.append(Outcome(run, result, timing, folder))
    for env in dict.fromkeys(run.env for run in runs):
        check_weights(out, env)
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

    def firsts(self) -> dict[str, Outcome]:
        """Return some outcome of each environment."""
        return {env: cell[0] for (env, _), cell in reversed(self._cells.items())}

    def cell(self, env: str, contestant: str) -> list[Outcome]:
        """Return the runs of one contestant on one environment, by seed."""
        return sorted(self._cells.get((env, contestant), []), key=lambda o: o.run.seed)

    def scores(self, contestant: str) -> NDArray[np.float64] | None:
        """Return the final scores, shape (T, R), of the seeds that all environments have."""
        rows = [
            {o.run.seed: o.last["score"] for o in self.cell(env, contestant)} for env in self.envs
        ]
        shared = sorted(set.intersection(*map(set, rows)))
        return np.array([[row[seed] for seed in shared] for row in rows]) if shared else None

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


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in Markdown, line by line."""
    return ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]
