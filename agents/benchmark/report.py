"""Writes report.md: the results of a study in words and tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.benchmark.contestants import find_contestant
from agents.benchmark.ranking import RANKED_BY, rank_references
from agents.benchmark.references import find_references, hash_weights
from agents.benchmark.results import FEWEST_RUNS, Table, list_records, markdown
from agents.benchmark.run_files import Outcome
from agents.benchmark.scores import Interval
from agents.benchmark.study import Run
from agents.benchmark.tasks import find_task
from gcgen_env.atomic_files import write_bytes

SCORE = (
    "A score is the change of potential over an episode on test images, without discounting, "
    "divided by that of the best known codes: 0 is doing nothing, 1 is the best known, and more "
    "is a record. Trained agents select their most probable actions. The tracks differ in what an "
    "agent is shown and how it is rewarded, so compare within one; the sparse track is ranked by "
    "success at the task's own threshold. An empty IQM means that a task is missing. Intervals are "
    f"over seeds and need at least {FEWEST_RUNS} of them."
)
TRACK_TITLES = {
    "previews": "Previews: the images of all next states are shown",
    "compact": "Compact: proposals are not shown",
    "sparse": "Sparse: proposals are not shown, and only success is rewarded",
}
RECORDS = (
    "These runs beat the best known codes: the references deserve a wider beam. Raise the `width` "
    "of the task in `agents/benchmark/tasks.py`, compute the references again with `gcgen "
    "benchmark references`, and look for a mistake where they are exact."
)
REPEAT = "Delete the folder of such a run and run the same command again to execute it again."
AGAIN = "Run the same command again to execute these runs."


def write_report(
    out: Path,
    tables: Sequence[Table],
    figures: Sequence[Path] = (),
    failures: Sequence[tuple[Run, str]] = (),
    unfinished: Sequence[tuple[Run, str]] = (),
    damaged: Sequence[tuple[Run, str]] = (),
) -> None:
    """Write report.md.

    Args:
        out: Folder of the study.
        tables: The outcomes of each track.
        figures: Pictures in `out` to show.
        failures: Runs that failed, with their errors.
        unfinished: Runs that ended without writing anything, with what is known about them.
        damaged: Runs of which a file is damaged, with its name.
    """
    lines = ["# Benchmark", "", *_describe(tables), "", SCORE]
    if records := list_records([o for table in tables for o in table.outcomes()]):
        lines += ["", "## Records", "", RECORDS, "", *(f"- {each}" for each in records)]
    for table in tables:
        lines += ["", *summarise_track(table)]
        for env in table.envs:
            lines += ["", f"### {env}, {table.track}", "", *_tabulate(table, env)]
    lines += ["", "## References", "", *_list_references(tables)]
    if failures:
        lines += ["", "## Failed runs (not counted)", "", *_list(failures)]
    if unfinished:
        lines += ["", "## Unfinished runs (not counted)", "", AGAIN, "", *_list(unfinished)]
    if damaged:
        lines += ["", "## Damaged runs (not counted)", "", REPEAT, "", *_list(damaged)]
    lines += ["", *(f"![{path.stem}]({path.name})" for path in figures)]
    write_bytes(out / "report.md", ("\n".join(lines) + "\n").encode())


def describe_run(run: Run) -> str:
    """Return a run in a few words."""
    return f"{run.contestant}, {run.env}, {run.track}, seed {run.seed}"


def summarise_track(table: Table) -> list[str]:
    """Return the title of a track, and its table over all environments."""
    return [f"## {TRACK_TITLES[table.track]}", "", *_summarise(table)]


def _list(runs: Sequence[tuple[Run, str]]) -> list[str]:
    """Return runs and their errors as a list."""
    return [f"- {describe_run(run)}: {why}" for run, why in runs]


def _describe(tables: Sequence[Table]) -> list[str]:
    """Name the machines and versions."""
    # Leaderboards join runs of several machines; their seconds cannot be compared.
    counts = Counter(_describe_machine(o) for table in tables for o in table.outcomes())
    lines = [f"{name}." for name in counts]
    if len(counts) > 1:
        shares = [f"- {n} of {counts.total()} runs: {name}." for name, n in counts.items()]
        lines = ["The machines or versions of the runs differ:", "", *shares]
    return lines


def _describe_machine(outcome: Outcome) -> str:
    """Return the machine and the versions of one run."""
    machine, versions = outcome.timing["machine"], outcome.timing["versions"]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{machine['processor']}, {machine['cores']} cores, one thread for each run; {listed}"


def _summarise(table: Table) -> list[str]:
    """Return the table of a track over all environments."""
    header = (
        "contestant",
        "look-ahead",
        f"IQM {RANKED_BY[table.track]} [95 %]",
        "P(better than greedy) [95 %]",
        *(f"{env}: mean ± deviation (seeds)" for env in table.envs),
    )
    rows = []
    for name in table.contestants:
        scores = table.scores(name)
        runs = 0 if scores is None else scores.shape[1]  # R, the seeds
        estimates = (table.interval(name), table.improvement(name))
        means = [_describe_runs(table, env, name) for env in table.envs]
        look_ahead = find_contestant(name).look_ahead
        intervals = (_format_interval(each, runs) for each in estimates)
        rows.append((name, look_ahead, *intervals, *means))
    return markdown(header, rows)


def _tabulate(table: Table, env: str) -> list[str]:
    """Return the table of one environment, best score first, with its references as lines."""
    thresholds = find_task(env).thresholds
    header = (
        "contestant", "score", "area", *(f"success at {t:g}" for t in thresholds), "distance",
        "invalid actions", "decisions", "CPU seconds", "decisions/s", "peak memory",
    )  # fmt: skip
    rows = _describe_references(table, env, len(header))
    for name in table.contestants:
        if cell := table.cell(env, name):
            mean = float(np.mean([o.rank(o.last) for o in cell]))
            rows.append((mean, _describe_cell(name, cell)))
    rows.sort(key=lambda row: -row[0])
    return markdown(header, [cells for _, cells in rows])


def _describe_references(
    table: Table, env: str, columns: int
) -> list[tuple[float, tuple[str, ...]]]:
    """Return what the track is ranked by for each reference, and its cells, in italics.

    Those that took part themselves are left out.
    """
    references, ranked = find_references(env), rank_references(table.track, env)
    best = references["best"]["gain"]
    found = []
    for name, each in references.items():
        if table.cell(env, name):
            continue
        score = each["gain"] / best
        parts = [
            f"*{name.replace('_', ' ')}*",
            f"*{score:.3f}*",
            "",
            *(f"*{s:.2f}*" for s in each["success"]),
        ]
        parts.append(f"*{each['distance']:.3f}*")
        found.append((ranked[name], (*parts, *[""] * (columns - len(parts)))))
    return found


def _describe_cell(name: str, cell: list[Outcome]) -> tuple[str, ...]:
    """Return the columns of one contestant; those about training are empty without training."""
    last = [o.last for o in cell]
    success = np.mean([point["success"] for point in last], axis=0)  # of each threshold
    trained = last[0]["steps"] > 0
    cpu = np.median([o.timing["cpu_seconds"] for o in cell])
    speed = np.median([o.timing["steps_per_second"] for o in cell])
    return (
        name,
        f"{np.mean([point['score'] for point in last]):.3f}",
        f"{np.mean([o.area for o in cell]):.3f}" if trained else "",
        *(f"{share:.2f}" for share in success),
        f"{np.mean([point['distance'] for point in last]):.3f}",
        f"{np.mean([point['invalid_rate'] for point in last]):.1%}",
        f"{np.mean([point['steps'] for point in last]):,.0f}" if trained else "",
        f"{cpu:.0f}" if trained else "",
        f"{speed:,.0f}" if trained else "",
        f"{max(o.timing['peak_memory_bytes'] for o in cell) / 1e6:.0f} MB",
    )


def _list_references(tables: Sequence[Table]) -> list[str]:
    """Say where the references come from."""
    envs = list(dict.fromkeys(env for table in tables for env in table.envs))
    rows = []
    for env in envs:
        gains = {name: each["gain"] for name, each in find_references(env).items()}
        room = (gains["best"] - gains["greedy"]) / gains["best"]
        listed = (f"{gain:.2f}" for gain in gains.values())
        rows.append((env, *listed, f"{room:.0%}", hash_weights(env) or ""))
    names = list(find_references(envs[0])) if envs else []
    return [
        "Gains in nats. Headroom is the share of the best gain that greedy look-ahead leaves.",
        "",
        *markdown(("task", *names, "headroom", "hash of the S-agent"), rows),
    ]


def _describe_runs(table: Table, env: str, name: str) -> str:
    """Return the mean score of one contestant, and the number of its damaged runs."""
    damaged = table.damaged[env, name]
    parts = (_format_mean(table.cell(env, name)), f"{damaged} damaged" if damaged else "")
    return ", ".join(filter(None, parts))


def _format_mean(cell: list[Outcome]) -> str:
    """Return mean and standard deviation of what the track is ranked by, and the number."""
    scores = [o.rank(o.last) for o in cell]
    spread = f" ± {np.std(scores, ddof=1):.3f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):.3f}{spread} ({len(scores)})" if scores else ""


def _format_interval(interval: Interval | None, runs: int) -> str:
    """Return an estimate, with its interval if there are enough runs."""
    if interval is None or math.isnan(interval.value):
        return ""
    value = f"{interval.value:.3f}"
    return value if runs < FEWEST_RUNS else f"{value} [{interval.low:.3f}, {interval.high:.3f}]"
