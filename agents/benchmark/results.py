"""Reads the results of a study, arranges them in a table, and writes them for programs."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.ranking import rank_references
from agents.benchmark.run_files import Outcome, read_run
from agents.benchmark.scores import Interval, compare, compute_interval
from agents.benchmark.study import Run, check_tasks
from agents.benchmark.tasks import TRACKS
from gcgen_env.atomic_files import write_bytes, write_json

FIELDS = ("env", "track", "contestant", "seed", "steps", "score", "gain", "distance", "success",
          "return", "invalid_rate", "config")  # fmt: skip
"""Columns of results.csv; the success is that at the id's own threshold."""
FEWEST_RUNS = 3
"""Smallest number of seeds for which intervals are shown."""
RECORD = 1 + 1e-4
"""Scores above this are records; below it rounding decides."""
RIVAL = "greedy"
"""The reference of the probability of improvement."""


def read_outcomes(runs: Sequence[Run], out: Path) -> tuple[list[Outcome], list[tuple[Run, str]]]:
    """Read the runs that are complete.

    Returns:
        The outcomes, and the runs of which a file is damaged, with a sentence that names it.

    Raises:
        ValueError: If the study contains runs of an id that was another task then.
    """
    for env in dict.fromkeys(run.env for run in runs):
        check_tasks(out, env)
    outcomes, damaged = [], []
    for run in runs:
        if run.is_complete(out):
            try:
                outcomes.append(read_run(run, out))
            except ValueError as error:  # the other runs stand
                damaged.append((run, str(error)))
    return outcomes, damaged


def sort_runs(runs: Sequence[Run]) -> list[Run]:
    """Sort runs as `plan` does, whichever call executed them, and leave each out but once."""
    envs = list(dict.fromkeys(run.env for run in runs))
    names = list(CONTESTANTS)

    def place(run: Run) -> tuple[Any, ...]:
        known = run.contestant in CONTESTANTS
        rank = names.index(run.contestant) if known else len(names)  # classes of users are last
        return envs.index(run.env), list(TRACKS).index(run.track), run.seed, rank, run.contestant

    return sorted(dict.fromkeys(runs), key=place)


def list_records(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a sentence for each run that beats the best known codes of its task."""
    found = []
    for o in outcomes:
        point = max(o.result["curve"], key=lambda each: each["score"])
        if point["score"] > RECORD:
            run = o.run
            found.append(
                f"{run.contestant}, {run.env}, {run.track}, seed {run.seed}: score "
                f"{point['score']:.4f} after {point['steps']:,} decisions"
            )
    return found


class Table:
    """Outcomes of one track by environment and contestant."""

    def __init__(
        self, track: str, outcomes: Sequence[Outcome], damaged: Sequence[tuple[Run, str]] = ()
    ) -> None:
        """Group the outcomes of a track, and count its damaged runs."""
        self.track = track
        mine = [o for o in outcomes if o.run.track == track]
        lost = [run for run, _ in damaged if run.track == track]
        self.envs = list(dict.fromkeys(o.run.env for o in mine))
        self.damaged = Counter((run.env, run.contestant) for run in lost)
        played = [o.run.contestant for o in mine] + [run.contestant for run in lost]
        ours = [name for name in CONTESTANTS if name in played]
        self.contestants = [*ours, *sorted({*played} - {*ours})]  # then classes of users
        self._cells: dict[tuple[str, str], list[Outcome]] = {}
        for outcome in mine:
            self._cells.setdefault((outcome.run.env, outcome.run.contestant), []).append(outcome)

    def outcomes(self) -> list[Outcome]:
        """Return all outcomes."""
        return [outcome for cell in self._cells.values() for outcome in cell]

    def cell(self, env: str, contestant: str) -> list[Outcome]:
        """Return the runs of one contestant on one environment, sorted by seed."""
        return sorted(self._cells.get((env, contestant), []), key=lambda o: o.run.seed)

    def scores(self, contestant: str) -> NDArray[np.float64] | None:
        """Return what the track is ranked by at the end, for the R seeds that all T tasks have.

        Returns:
            Shape (T, R); None if there is no such seed.
        """
        rows = [
            {o.run.seed: o.rank(o.last) for o in self.cell(env, contestant)} for env in self.envs
        ]
        shared = sorted(set.intersection(*map(set, rows)))
        return np.array([[row[seed] for seed in shared] for row in rows]) if shared else None

    def interval(self, contestant: str) -> Interval | None:
        """Return the interquartile mean over runs and environments, with its interval."""
        scores = self.scores(contestant)
        return None if scores is None else compute_interval(scores)

    def improvement(self, contestant: str) -> Interval | None:
        """Return the probability that a run is better than greedy look-ahead."""
        scores = self.scores(contestant)
        if scores is None or contestant == RIVAL:
            return None
        greedy = [rank_references(self.track, env)[RIVAL] for env in self.envs]
        return compare(scores, np.array(greedy)[:, None])


def write_results(out: Path, outcomes: Sequence[Outcome]) -> None:
    """Write results.csv and results.json, which seeds reproduce, and timings.json."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")  # csv's default is "\r\n"
    writer.writeheader()
    for o in outcomes:
        named = {key: getattr(o.run, key) for key in ("env", "track", "contestant", "seed")}
        for point in o.result["curve"]:
            success = point["success"][o.main_threshold]
            writer.writerow({**named, **point, "success": success, "config": o.run.digest})
    write_bytes(out / "results.csv", text.getvalue().encode())
    write_json(out / "results.json", {"runs": [o.result for o in outcomes]})
    timings = [{"folder": o.folder.name, **o.timing} for o in outcomes]
    write_json(out / "timings.json", {"runs": timings})


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]
