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
from agents.benchmark.study import RESULT, TIMING, Run, hash_weights
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


def check_weights(out: Path, env: str) -> None:
    """Raise a ValueError if a study holds runs of an environment with another S-agent."""
    for path in sorted((out / "runs" / env).glob(f"*/{RESULT}")):
        found = json.loads(path.read_text())["run"]["weights"]
        if found != hash_weights(env):
            raise ValueError(
                f"{path.parent} was made with the S-agent {found}, {env} has {hash_weights(env)} "
                "now: another proposer is another task, and their results do not compare; pass "
                "another --out"
            )


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
        "change of potential over an episode, on test images; what has learned plays its most "
        "probable actions. Intervals are over seeds, from three on.",
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
    firsts = table.firsts()
    outcome = firsts[table.envs[0]]
    machine, versions = outcome.timing["machine"], outcome.timing["versions"]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    tasks = ", ".join(f"{env} ({o.result['run']['weights']})" for env, o in firsts.items())
    return [
        f"{machine['processor']}, {machine['cores']} cores, one thread a run; {listed}.",
        "",
        f"Tasks, with the hash of the S-agent that proposes: {tasks}.",
    ]


def _summary(table: Table) -> list[str]:
    """Return the table over all environments."""
    header = (
        "contestant",
        "IQM score [95 %]",
        f"P(better than {RIVAL}) [95 %]",
        *(f"{env}: mean ± deviation (seeds)" for env in table.envs),
    )
    rows = []
    for name in table.contestants:
        scores = table.scores(name)
        runs, means = 0 if scores is None else scores.shape[1], []
        for env in table.envs:
            cell = [o.last["score"] for o in table.cell(env, name)]
            spread = f" ± {np.std(cell, ddof=1):.3f}" if len(cell) > 1 else ""
            means.append(f"{np.mean(cell):.3f}{spread} ({len(cell)})" if cell else "")
        rows.append(
            (name, _show(table.interval(name), runs), _show(table.improvement(name), runs), *means)
        )
    return markdown(header, rows)


def _details(table: Table, env: str) -> list[str]:
    """Return the table of one environment."""
    header = (
        "contestant",
        "sees",
        "rewarded by",
        "seeds",
        "steps",
        "score before",
        "score",
        "return",
        "success",
        "invalid actions",
        "steps/s",
        "seconds",
        "peak memory",
    )
    rows = []
    for name in table.contestants:
        cell = table.cell(env, name)
        if cell:
            means = {key: float(np.mean([o.last[key] for o in cell])) for key in cell[0].last}
            own = CONTESTANTS[name].env_kwargs
            before = np.mean([o.result["curve"][0]["score"] for o in cell])
            speed = np.median([o.timing["steps_per_second"] for o in cell])
            seconds = np.median([o.timing["seconds"][-1] for o in cell])
            memory = max(o.timing["peak_memory_bytes"] for o in cell)
            rows.append(
                (
                    name,
                    own.get("obs_mode", "pixels"),
                    own.get("reward_type", "potential") if means["steps"] else "",
                    str(len(cell)),
                    f"{means['steps']:,.0f}",
                    f"{before:.3f}" if means["steps"] else "",
                    f"{means['score']:.3f}",
                    f"{means['return']:.1f}",
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


def _show(interval: Interval | None, runs: int) -> str:
    """Return an interval in words; the estimate alone where runs are few."""
    if interval is None or math.isnan(interval.value):
        return ""
    if runs < FEWEST_RUNS:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
