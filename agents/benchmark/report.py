"""The report: what the runs came to, in words and tables for people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.results import FEWEST_RUNS, RIVAL, Outcome, Table, markdown
from agents.benchmark.scores import Interval
from agents.benchmark.study import Run
from agents.cli.run_folder import write_bytes


def write_report(
    out: Path,
    table: Table,
    figures: Sequence[Path] = (),
    failures: Sequence[tuple[Run, str]] = (),
    unfinished: Sequence[tuple[Run, str]] = (),
) -> None:
    """Write report.md.

    Args:
        out: Folder of the study.
        table: The outcomes.
        figures: Pictures to show, in `out`.
        failures: Runs that failed, and why.
        unfinished: Runs that left nothing, not even why they failed, and what is known of them.
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
        lines += ["", "## Failed runs, not counted", "", *_list(failures)]
    if unfinished:
        again = "They are executed again when the command is run again."
        lines += ["", "## Runs that did not finish, not counted", "", again, "", *_list(unfinished)]
    lines += ["", *(f"![{path.stem}]({path.name})" for path in figures)]
    write_bytes(out / "report.md", ("\n".join(lines) + "\n").encode())


def _list(runs: Sequence[tuple[Run, str]]) -> list[str]:
    """Return runs and what became of them, as a list."""
    return [f"- {run.contestant} on {run.env}, seed {run.seed}: {why}" for run, why in runs]


def _describe(table: Table) -> list[str]:
    """Say where the figures were made."""
    firsts = table.firsts()
    tasks = ", ".join(f"{env} ({o.result['run']['weights']})" for env, o in firsts.items())
    return [
        *_describe_machines(table),
        "",
        f"Tasks, with the hash of the S-agent that proposes: {tasks}.",
    ]


def _describe_machines(table: Table) -> list[str]:
    """Name the machine and the versions; each with its runs, where they differ."""
    cells = (table.cell(env, name) for env in table.envs for name in table.contestants)
    counts = Counter(_name_machine(outcome) for cell in cells for outcome in cell)
    if len(counts) == 1:
        return [f"{name}." for name in counts]
    return [
        "The runs differ in machine or versions:",
        "",
        *(f"- {n} of {counts.total()} runs: {name}." for name, n in counts.items()),
    ]


def _name_machine(outcome: Outcome) -> str:
    """Return where one run was executed, and with which versions."""
    machine, versions = outcome.timing["machine"], outcome.timing["versions"]
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{machine['processor']}, {machine['cores']} cores, one thread a run; {listed}"


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


def _show(interval: Interval | None, runs: int) -> str:
    """Return an interval in words; the estimate alone where runs are few."""
    if interval is None or math.isnan(interval.value):
        return ""
    if runs < FEWEST_RUNS:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
