"""Writes report.md: the results of a study in words and tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.results import FEWEST_RUNS, RIVAL, Table, markdown
from agents.benchmark.run_files import Outcome
from agents.benchmark.scores import Interval
from agents.benchmark.study import Run
from gcgen_env.atomic_files import write_bytes

SCORE = (
    "A score measures the change of potential over an episode on test images, without "
    "discounting: 0 is a random valid action, 1 is greedy look-ahead. Trained agents select their "
    f"most probable actions. Intervals are over seeds and need at least {FEWEST_RUNS} of them."
)
REPEAT = "Delete the folder of such a run and run the same command again to execute it again."
AGAIN = "Run the same command again to execute these runs."


def write_report(
    out: Path,
    table: Table,
    figures: Sequence[Path] = (),
    failures: Sequence[tuple[Run, str]] = (),
    unfinished: Sequence[tuple[Run, str]] = (),
    damaged: Sequence[tuple[Run, str]] = (),
) -> None:
    """Write report.md.

    Args:
        out: Folder of the study.
        table: The outcomes.
        figures: Pictures in `out` to show.
        failures: Runs that failed, with their errors.
        unfinished: Runs that ended without writing anything, with what is known about them.
        damaged: Runs of which a file is damaged, with its name.
    """
    lines = ["# Benchmark", "", *_describe(table), "", SCORE, "", *_summarise(table)]
    for env in table.envs:
        lines += ["", f"## {env}", "", *_tabulate(table, env)]
    if failures:
        lines += ["", "## Failed runs (not counted)", "", *_list(failures)]
    if unfinished:
        lines += ["", "## Unfinished runs (not counted)", "", AGAIN, "", *_list(unfinished)]
    if damaged:
        lines += ["", "## Damaged runs (not counted)", "", REPEAT, "", *_list(damaged)]
    lines += ["", *(f"![{path.stem}]({path.name})" for path in figures)]
    write_bytes(out / "report.md", ("\n".join(lines) + "\n").encode())


def _list(runs: Sequence[tuple[Run, str]]) -> list[str]:
    """Return runs and their errors as a list."""
    return [f"- {run.contestant} on {run.env}, seed {run.seed}: {why}" for run, why in runs]


def _describe(table: Table) -> list[str]:
    """Name the machines, the versions and the tasks."""
    cells = (table.cell(env, name) for env in table.envs for name in table.contestants)
    counts = Counter(_describe_machine(outcome) for cell in cells for outcome in cell)
    lines = [f"{name}." for name in counts]
    if len(counts) > 1:
        shares = [f"- {n} of {counts.total()} runs: {name}." for name, n in counts.items()]
        lines = ["The machines or versions of the runs differ:", "", *shares]
    tasks = [f"{env} ({o.result['run']['weights']})" for env, o in table.firsts().items()]
    return [*lines, "", f"Tasks, with the hashes of their S-agents: {', '.join(tasks)}."]


def _describe_machine(outcome: Outcome) -> str:
    """Return the machine and the versions of one run."""
    machine, versions = outcome.timing["machine"], outcome.timing["versions"]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{machine['processor']}, {machine['cores']} cores, one thread for each run; {listed}"


def _summarise(table: Table) -> list[str]:
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
        runs = 0 if scores is None else scores.shape[1]  # R, the seeds
        estimates = (table.interval(name), table.improvement(name))
        means = [_describe_runs(table, env, name) for env in table.envs]
        rows.append((name, *(_format_interval(each, runs) for each in estimates), *means))
    return markdown(header, rows)


def _tabulate(table: Table, env: str) -> list[str]:
    """Return the table of one environment."""
    rows = [
        {"contestant": name, **_describe_cell(CONTESTANTS[name].env_kwargs, cell)}
        for name in table.contestants
        if (cell := table.cell(env, name))
    ]
    return markdown(tuple(rows[0]), [tuple(row.values()) for row in rows])


def _describe_cell(env_kwargs: dict[str, str], cell: list[Outcome]) -> dict[str, str]:
    """Return the columns of one contestant; those about training are empty without training."""
    means = {key: float(np.mean([o.last[key] for o in cell])) for key in cell[0].last}
    before = np.mean([o.result["curve"][0]["score"] for o in cell])  # of the untrained model
    speed = np.median([o.timing["steps_per_second"] for o in cell])
    seconds = np.median([o.timing["seconds"][-1] for o in cell])
    trained = means["steps"] > 0
    return {
        "observation": env_kwargs.get("obs_mode", "pixels"),
        "reward": env_kwargs.get("reward_type", "potential") if trained else "",
        "seeds": str(len(cell)),
        "steps": f"{means['steps']:,.0f}",
        "score before": f"{before:.3f}" if trained else "",
        "score": f"{means['score']:.3f}",
        "return": f"{means['return']:.1f}",
        "success": f"{means['success']:.2f}",
        "invalid actions": f"{means['invalid_rate']:.1%}",
        "steps/s": f"{speed:,.0f}" if trained else "",
        "seconds": f"{seconds:.0f}" if trained else "",
        "peak memory": f"{max(o.timing['peak_memory_bytes'] for o in cell) / 1e6:.0f} MB",
    }


def _describe_runs(table: Table, env: str, name: str) -> str:
    """Return the mean score of one contestant, and the number of its damaged runs."""
    damaged = table.damaged[env, name]
    parts = (_format_mean(table.cell(env, name)), f"{damaged} damaged" if damaged else "")
    return ", ".join(filter(None, parts))


def _format_mean(cell: list[Outcome]) -> str:
    """Return mean and standard deviation of the scores, and their number."""
    scores = [o.last["score"] for o in cell]
    spread = f" ± {np.std(scores, ddof=1):.3f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):.3f}{spread} ({len(scores)})" if scores else ""


def _format_interval(interval: Interval | None, runs: int) -> str:
    """Return an estimate, with its interval if there are enough runs."""
    if interval is None or math.isnan(interval.value):
        return ""
    value = f"{interval.value:.3f}"
    return value if runs < FEWEST_RUNS else f"{value} [{interval.low:.3f}, {interval.high:.3f}]"
